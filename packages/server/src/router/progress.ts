/** How far a subscriber was handed what the topic broadcasts, and how far its client's own messages are settled. */
export class Progress {
  #handedFrom = 0;
  #acked = 0;
  #toldAcked = 0;
  #toldOffset = 0;

  /**
   * From this number on it is handed every broadcast, or has itself sent it; earlier ones come from the log. Never fewer than
   * before do: one that waited to be durable may come after later ones.
   */
  handFrom(number: number): void {
    this.#handedFrom = Math.max(this.#handedFrom, number);
  }

  /** Whether it was handed every broadcast from this number on. */
  hasFrom(number: number): boolean {
    return number >= this.#handedFrom;
  }

  /** The client has been told where it begins, and counts its messages anew. */
  begin(offset: number): void {
    this.#acked = 0;
    this.#toldAcked = 0;
    this.#toldOffset = offset;
  }

  /** The client has been told in another way where it stands. */
  told(offset: number): void {
    this.#toldOffset = offset;
  }

  acknowledge(acked: number): void {
    if (acked > this.#acked) this.#acked = acked;
  }

  get acked(): number {
    return this.#acked;
  }

  /** Whether the client is to be told that it stands here. It counts as told then. */
  takeNews(offset: number): boolean {
    if (offset === this.#toldOffset && this.#acked === this.#toldAcked) return false;
    this.#toldOffset = offset;
    this.#toldAcked = this.#acked;
    return true;
  }
}
