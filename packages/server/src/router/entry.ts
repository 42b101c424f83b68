import type { PushMessage } from "@plexline/protocol";
import type { Principal } from "../auth/principal.ts";
import type { BinaryEntry, LoggedEvent, LoggedPush } from "../feature/feature.ts";
import type { Entry } from "../storage/storage.ts";
import { decodeBinaryEntry, isBinaryEntry } from "./binary-entry.ts";

// The log entry of an event is the push message it becomes, less what the log knows anyway (topic and offset), plus the
// kind of principal that published it, which tells whose idempotency key it holds.

type PushBody = Omit<PushMessage, "type" | "topic" | "offset">;
type StoredBody = PushBody & { readonly kind?: Principal["kind"] };
type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The log entry of an event, decoded. */
export interface DecodedEvent {
  readonly push: LoggedPush;
  readonly binary?: undefined;
  /** What kind of principal published it. */
  readonly principalKind: Principal["kind"];
}

/** A log entry, decoded: an event or a binary message. */
export type DecodedEntry =
  | DecodedEvent
  | {
      readonly push?: undefined;
      readonly binary: BinaryEntry;
      readonly principalKind: Principal["kind"];
    };

/** The event as the log keeps it. */
export function encodeEntry(event: LoggedEvent, atMs: number): Uint8Array {
  const kind = event.sender?.principal.kind;
  return Buffer.from(JSON.stringify({ ...bodyOf(event, atMs), kind: kind === "user" ? undefined : kind }));
}

/** The entry as `decodeEntry` will give it, made of the event itself: nothing is read back that was just written. */
export function entryOf(topic: string, offset: number, event: LoggedEvent, atMs: number): DecodedEvent {
  const principalKind = event.sender?.principal.kind ?? "user";
  return { push: { type: "push", topic, offset, ...bodyOf(event, atMs) }, principalKind };
}

/** What of a push message the log keeps, in the order of the wire; absent fields are left out. */
function bodyOf({ event, payload, sender, key }: LoggedEvent, atMs: number): PushBody {
  return {
    event,
    payload,
    ...(sender?.sessionId ? { from: sender.sessionId } : {}),
    ...(sender ? { user: sender.principal.id } : {}),
    atMs,
    ...(key === undefined ? {} : { key }),
  };
}

/** Entries are our own writing, checked by the store: they are not parsed as input. */
export function decodeEntry(topic: string, entry: Entry): DecodedEntry {
  if (isBinaryEntry(entry.data)) {
    const { entry: binary, principalKind } = decodeBinaryEntry(entry);
    return { binary, principalKind };
  }
  const text = Buffer.from(entry.data.buffer, entry.data.byteOffset, entry.data.byteLength).toString();
  const { kind = "user", event, payload, from, user, atMs, key } = JSON.parse(text) as StoredBody;
  // Field by field: for those who catch up, copying the rest of an object costs as much as parsing it.
  const push: Writable<LoggedPush> = { type: "push", topic, offset: entry.offset, event };
  if (payload !== undefined) push.payload = payload;
  if (from !== undefined) push.from = from;
  if (user !== undefined) push.user = user;
  if (atMs !== undefined) push.atMs = atMs;
  if (key !== undefined) push.key = key;
  return { push, principalKind: kind };
}
