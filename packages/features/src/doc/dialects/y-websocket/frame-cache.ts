import type { BinaryMessage } from "@plexline/protocol";
import { DOC_KIND } from "../../protocol.ts";
import { encodeAwareness, encodeStep1, encodeStep2, encodeUpdate } from "./frame.ts";

/**
 * The frames of what rooms send, kept for as long as somebody else keeps the payload: an update for a hundred connections
 * and a snapshot for a hundred newcomers are one frame each.
 */
export class FrameCache {
  readonly #frames = new WeakMap<Uint8Array, { readonly kind: number; readonly frame: Uint8Array | null }>();

  /** The frame of a message; null if a y-websocket client has no use for it. */
  frameOf({ kind, payload }: BinaryMessage): Uint8Array | null {
    const cached = this.#frames.get(payload);
    if (cached?.kind === kind) return cached.frame;
    const frame = encode(kind, payload);
    this.#frames.set(payload, { kind, frame });
    return frame;
  }
}

function encode(kind: number, payload: Uint8Array): Uint8Array | null {
  switch (kind) {
    case DOC_KIND.update:
      return encodeUpdate(payload);
    case DOC_KIND.syncRequest:
      return encodeStep1(payload);
    case DOC_KIND.syncResponse:
      return encodeStep2(payload);
    case DOC_KIND.awareness:
      return encodeAwareness(payload);
    default:
      return null;
  }
}
