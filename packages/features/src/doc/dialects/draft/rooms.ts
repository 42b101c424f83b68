/** How many connections are in which draft, as operators and log lines ask for it. */
export class DraftRooms {
  /** Connections by topic; none is 0. */
  readonly #rooms = new Map<string, number>();
  #connections = 0;

  get count(): number {
    return this.#rooms.size;
  }

  get connections(): number {
    return this.#connections;
  }

  connectionsOf(topic: string): number {
    return this.#rooms.get(topic) ?? 0;
  }

  enter(topic: string): void {
    this.#rooms.set(topic, this.connectionsOf(topic) + 1);
    this.#connections += 1;
  }

  /** A connection that had entered is gone. */
  leave(topic: string): void {
    const left = this.connectionsOf(topic) - 1;
    if (left > 0) this.#rooms.set(topic, left);
    else this.#rooms.delete(topic);
    this.#connections -= 1;
  }
}
