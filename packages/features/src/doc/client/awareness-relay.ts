import {
  type Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from "y-protocols/awareness";

interface Changes {
  readonly added: readonly number[];
  readonly updated: readonly number[];
  readonly removed: readonly number[];
}

export interface AwarenessRelayOptions {
  /** Hands the own state to the server. */
  send(update: Uint8Array): void;
  /** Hands the own state to this browser's other tabs. */
  sendToTabs(update: Uint8Array): void;
  /** Asks for `flush` in a moment. */
  schedule(): void;
}

/** Where a state came from; also the origin of its change. */
export type AwarenessSource = object;

/** Shows the own awareness state to others and keeps theirs while there is a way to hear of them. */
export class AwarenessRelay {
  readonly #awareness: Awareness;
  readonly #options: AwarenessRelayOptions;
  readonly #tabs: AwarenessSource;
  /** Ids that a sibling tab showed last: they stay when the server is gone. */
  readonly #fromTabs = new Set<number>();
  #mayShow = false;
  #wasOpen = false;
  #changed = false;

  constructor(awareness: Awareness, tabs: AwarenessSource, options: AwarenessRelayOptions) {
    this.#awareness = awareness;
    this.#tabs = tabs;
    this.#options = options;
    awareness.on("update", this.#onUpdate);
  }

  /**
   * Subscribed: the server is told the own state again. Not for the first time its clock is raised: others may have lost
   * the state meanwhile and, like y-websocket clients, remember its clock, and would not take the same one again.
   */
  open(mayShow: boolean): void {
    const state = this.#awareness.getLocalState();
    this.#mayShow = mayShow;
    this.#changed = state !== null;
    if (this.#wasOpen && state !== null) this.#awareness.setLocalState(state);
    this.#wasOpen = true;
    this.flush();
  }

  /** The server is out of reach, and with it everybody who is not on this browser. */
  close(source: AwarenessSource): void {
    this.#mayShow = false;
    const { clientID, meta, states } = this.#awareness;
    const ids = [...states.keys()].filter((id) => id !== clientID && !this.#fromTabs.has(id));
    removeAwarenessStates(this.#awareness, ids, source);
    // With their clocks forgotten, they are back as soon as the server tells them, not at their next renewal.
    for (const id of ids) meta.delete(id);
  }

  receive(update: Uint8Array, source: AwarenessSource): void {
    applyAwarenessUpdate(this.#awareness, update, source);
  }

  /** The own state as others are told it; undefined if it was never set. */
  ownUpdate(): Uint8Array | undefined {
    const { clientID, meta } = this.#awareness;
    return meta.has(clientID) ? encodeAwarenessUpdate(this.#awareness, [clientID]) : undefined;
  }

  flush(): void {
    if (!this.#changed) return;
    this.#changed = false;
    const update = this.ownUpdate();
    if (update === undefined) return;
    if (this.#mayShow) this.#options.send(update);
    this.#options.sendToTabs(update);
  }

  /** Takes the own state back everywhere, and hears nothing more. */
  destroy(source: AwarenessSource): void {
    removeAwarenessStates(this.#awareness, [this.#awareness.clientID], source);
    this.flush();
    this.#awareness.off("update", this.#onUpdate);
    this.#fromTabs.clear();
    this.close(source);
  }

  /** The own id also changes by what others say: told that it is gone, y-protocols raises its clock to say it is not. */
  readonly #onUpdate = ({ added, updated, removed }: Changes, source: unknown): void => {
    const shown = [...added, ...updated];
    for (const id of shown) {
      if (source === this.#tabs) this.#fromTabs.add(id);
      else this.#fromTabs.delete(id);
    }
    for (const id of removed) this.#fromTabs.delete(id);
    if (![...shown, ...removed].includes(this.#awareness.clientID)) return;
    this.#changed = true;
    this.#options.schedule();
  };
}
