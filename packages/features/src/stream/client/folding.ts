import type { Position } from "@plexline/protocol";
import type { FoldDefinition } from "../options.ts";
import type { StreamFold } from "../protocol.ts";
import type { StreamLogEvent } from "../transport.ts";

/** Events that may wait for a fold. */
const WAITING_MAX = 1_000;

/** The state of a stream as far as it has been followed: the server's fold, and the events after it applied (RN4, ST27). */
export class Folding<State> {
  /** Undefined until the fold is known, and where it is too large to tell. */
  state: State | undefined;
  /** Null while the fold is awaited. */
  position: Position | null = null;
  readonly #definition: FoldDefinition<State>;
  #waiting: StreamLogEvent[] = [];

  constructor(definition: FoldDefinition<State>) {
    this.#definition = definition;
  }

  /** From here on events wait for a fold. */
  expect(): void {
    this.position = null;
    this.#waiting = [];
  }

  /** There is no stream yet: its fold is that of nothing. */
  begin(position: Position): void {
    this.load({ state: this.#definition.initial(), position });
  }

  /** Takes a fold; false when too much happened since: another one is needed. */
  load({ state, position }: StreamFold): boolean {
    const waiting = this.#waiting;
    const first = waiting[0]?.position;
    if (
      waiting.length === WAITING_MAX &&
      first?.epoch === position.epoch &&
      first.offset > position.offset + 1
    ) {
      this.#waiting = [];
      return false;
    }
    // The definition named it on both sides; what it made there it takes here.
    this.state = (state as State | null) ?? undefined;
    this.position = position;
    this.#waiting = [];
    for (const event of waiting) this.apply(event);
    return true;
  }

  /** Applies an event that the state does not cover; false if there was nothing to change. */
  apply(event: StreamLogEvent): boolean {
    if (this.position === null) {
      this.#waiting.push(event);
      if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
      return false;
    }
    const { position } = event;
    if (position.epoch !== this.position.epoch || position.offset <= this.position.offset) return false;
    this.position = position;
    if (this.state === undefined) return false;
    const { position: _position, ...entry } = event;
    this.state = this.#definition.apply(this.state, { ...entry, offset: position.offset });
    return true;
  }
}
