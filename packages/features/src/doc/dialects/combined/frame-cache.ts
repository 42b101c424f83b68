import type { BytesForm } from "../json-bytes.ts";
import { bytesToJson } from "./bytes.ts";

/** Messages that hold bytes of a room. */
export interface BytesMessage {
  readonly type: "yjs:update" | "yjs:sync";
  readonly field: "update" | "stateVector";
}

/** Frames kept of the same bytes: one for each form. The empty update is the same bytes in every room. */
const FRAMES_MAX = 4;

/**
 * What clients are sent of the bytes of rooms, kept for as long as somebody else keeps the bytes: an update for a hundred
 * connections is written once for each form that they read.
 */
export class CombinedFrameCache {
  readonly #frames = new WeakMap<Uint8Array, Map<string, string>>();

  frameOf(payload: Uint8Array, message: BytesMessage, room: string, form: BytesForm): string {
    const { type, field } = message;
    const key = `${type} ${field} ${form} ${room}`;
    let frames = this.#frames.get(payload);
    if (!frames) {
      frames = new Map();
      this.#frames.set(payload, frames);
    }
    let frame = frames.get(key);
    if (frame === undefined) {
      frame = `{"type":"${type}","room":${JSON.stringify(room)},"${field}":${bytesToJson(payload, form)}}`;
      if (frames.size >= FRAMES_MAX) frames.clear();
      frames.set(key, frame);
    }
    return frame;
  }
}
