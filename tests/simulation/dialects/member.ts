import type { FrameFate } from "../../../packages/testing/src/frame-faults.ts";
import type { Member, MemberOptions } from "../documents/member.ts";
import type { DocumentWorld } from "../documents/world.ts";
import type { Presence } from "./presence.ts";

/** Somebody who edits a document in one of the dialects. */
export interface DialectMember extends Omit<Member, "awareness" | "unsaved"> {
  /** The document's id. */
  readonly document: string;
  /** Edits that are not known to be durable; null for clients that are not told. */
  readonly unsaved: number | null;
  /** Begins a sync by itself on a connection that is open; only where a dialect cannot do without. */
  syncAgain?(): void;
  /** Null in dialects that have none. */
  readonly presence: Presence | null;
}

export interface DialectMemberOptions extends MemberOptions {
  readonly document: string;
  readonly world: DocumentWorld;
  /** Of the frames of its connections. */
  readonly fate: () => FrameFate;
}

/** A client waits so long before it sends its whole document again. */
export const RETRY_MS = 1_000;

/** How bytes may stand in JSON. */
export const BYTES_IN_JSON = {
  base64: (bytes: Uint8Array): unknown => Buffer.from(bytes).toString("base64"),
  numbers: (bytes: Uint8Array): unknown => [...bytes],
  object: (bytes: Uint8Array): unknown => ({ ...bytes }),
};
export type BytesForm = keyof typeof BYTES_IN_JSON;

/** Bytes of a message in any of those forms. */
export function bytesIn(value: unknown): Uint8Array {
  if (typeof value === "string") return Uint8Array.from(Buffer.from(value, "base64"));
  return Uint8Array.from(Object.values(value as Readonly<Record<string, number>>));
}
