import type { BinaryMessage } from "@plexline/protocol";
import { DOC_KIND } from "../../protocol.ts";
import { encodeAwareness, encodeStep2, encodeUpdate } from "./frame.ts";

type Encode = (address: string, payload: Uint8Array) => Uint8Array;

const ENCODERS: Readonly<Record<number, Encode>> = {
  [DOC_KIND.update]: encodeUpdate,
  [DOC_KIND.syncResponse]: encodeStep2,
  [DOC_KIND.awareness]: encodeAwareness,
};

/**
 * The frames of what rooms send, kept for as long as somebody else keeps the payload. All connections without a session of
 * their own in the address have the same one: an update for a hundred of them is one frame.
 */
export class HocuspocusFrameCache {
  readonly #frames = new WeakMap<
    Uint8Array,
    { readonly kind: number; readonly address: string; readonly frame: Uint8Array }
  >();

  /** The frame of an update, an answer to SyncStep1 or an awareness update. */
  frameOf({ kind, payload }: Pick<BinaryMessage, "kind" | "payload">, address: string): Uint8Array {
    const cached = this.#frames.get(payload);
    if (cached?.kind === kind && cached.address === address) return cached.frame;
    const frame = ENCODERS[kind]!(address, payload);
    this.#frames.set(payload, { kind, address, frame });
    return frame;
  }
}
