import { type Doc, encodeStateAsUpdate, encodeStateVector } from "yjs";
import { DOC_KIND, type DocKind } from "../protocol.ts";

export interface TabChannelOptions {
  readonly doc: Doc;
  onUpdate(update: Uint8Array): void;
  onAwareness(update: Uint8Array): void;
  /** The own awareness state, to show to a tab that has just come. */
  awareness(): Uint8Array | undefined;
}

/**
 * The same document in other tabs of this browser: updates and awareness go straight from tab to tab, also while there is
 * no connection. A tab that comes says what it has; the others answer with what it lacks and ask back.
 */
export class TabChannel {
  readonly #options: TabChannelOptions;
  #channel: BroadcastChannel | undefined;

  constructor(options: TabChannelOptions) {
    this.#options = options;
  }

  /** Joins the tabs that use this name; it must differ for everybody who may not share the document. */
  open(name: string): void {
    if (this.#channel?.name === name || typeof BroadcastChannel === "undefined") return;
    this.close();
    const channel = new BroadcastChannel(name);
    this.#channel = channel;
    // Node would stay alive for it.
    (channel as { unref?(): void }).unref?.();
    channel.onmessage = ({ data }) => this.#receive(data);
    this.#ask(true);
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }

  post(kind: DocKind, payload: Uint8Array, isFirst = false): void {
    this.#channel?.postMessage([kind, payload, isFirst]);
  }

  /** `isFirst`: the others ask back. */
  #ask(isFirst: boolean): void {
    this.post(DOC_KIND.syncRequest, encodeStateVector(this.#options.doc), isFirst);
    const state = this.#options.awareness();
    if (state !== undefined) this.post(DOC_KIND.awareness, state);
  }

  #receive(data: unknown): void {
    if (!Array.isArray(data) || !(data[1] instanceof Uint8Array)) return;
    const [kind, payload, isFirst] = data as [number, Uint8Array, unknown];
    try {
      if (kind === DOC_KIND.update || kind === DOC_KIND.syncResponse) this.#options.onUpdate(payload);
      else if (kind === DOC_KIND.awareness) this.#options.onAwareness(payload);
      else if (kind === DOC_KIND.syncRequest) {
        this.post(DOC_KIND.syncResponse, encodeStateAsUpdate(this.#options.doc, payload));
        if (isFirst === true) this.#ask(false);
      }
    } catch {
      // Another version of the application on this origin may say what this one cannot read; the server has it all.
    }
  }
}
