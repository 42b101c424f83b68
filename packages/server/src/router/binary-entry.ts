import { PlexlineError, readVarint, varintBytes, writeVarint } from "@plexline/protocol";
import type { Principal } from "../auth/principal.ts";
import type { BinaryEntry, NewBinaryEntry } from "../feature/feature.ts";
import type { Entry } from "../storage/storage.ts";

// A binary entry of the log: a mark, flags, the kind as a varint, the user and the session as UTF-8 with their lengths as
// varints where the flags say that they are there, and the payload. When it was accepted the store keeps beside it.

/** First byte. JSON never begins with it, and another layout would have another. */
const MARK = 0x01;
const HAS_USER = 0x01;
const HAS_SESSION = 0x02;
/** The kind of principal is in the bits from here on, as its index in the list. */
const PRINCIPAL_SHIFT = 2;
const PRINCIPAL_KINDS: readonly Principal["kind"][] = ["user", "service", "admin"];

/** Whether an entry holds a binary message; else it holds an event. */
export function isBinaryEntry(data: Uint8Array): boolean {
  return data[0] === MARK;
}

/** The message as the log keeps it; throws MALFORMED_MESSAGE for a kind that cannot travel. */
export function encodeBinaryEntry({ kind, payload, sender }: NewBinaryEntry): Uint8Array {
  const user = sender && Buffer.from(sender.principal.id);
  const session = sender?.sessionId ? Buffer.from(sender.sessionId) : undefined;
  const principal = sender ? PRINCIPAL_KINDS.indexOf(sender.principal.kind) : 0;
  const data = Buffer.allocUnsafe(
    2 + varintBytes(kind) + sizeOf(user) + sizeOf(session) + payload.byteLength,
  );
  data[0] = MARK;
  data[1] = (user ? HAS_USER : 0) | (session ? HAS_SESSION : 0) | (principal << PRINCIPAL_SHIFT);
  let at = writeVarint(data, 2, kind);
  for (const text of [user, session]) {
    if (text === undefined) continue;
    at = writeVarint(data, at, text.byteLength);
    data.set(text, at);
    at += text.byteLength;
  }
  data.set(payload, at);
  return data;
}

function sizeOf(text: Uint8Array | undefined): number {
  return text === undefined ? 0 : varintBytes(text.byteLength) + text.byteLength;
}

/** Entries are our own writing, checked by the store: this reads and does not judge. The payload is a view. */
export function decodeBinaryEntry({ data, offset, atMs }: Entry): {
  readonly entry: BinaryEntry;
  readonly principalKind: Principal["kind"];
} {
  if (!isBinaryEntry(data)) throw new PlexlineError("INTERNAL", { message: "This entry is not binary." });
  const flags = data[1] as number;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  let at = 2;
  const number = () => {
    const value = readVarint(bytes, at);
    at += varintBytes(value);
    return value;
  };
  const text = () => {
    const length = number();
    at += length;
    return bytes.toString("utf8", at - length, at);
  };
  const kind = number();
  const user = flags & HAS_USER ? text() : undefined;
  const from = flags & HAS_SESSION ? text() : undefined;
  return {
    entry: {
      kind,
      payload: data.subarray(at),
      offset,
      ...(user === undefined ? {} : { user }),
      ...(from === undefined ? {} : { from }),
      atMs,
    },
    principalKind: PRINCIPAL_KINDS[flags >> PRINCIPAL_SHIFT] ?? "user",
  };
}
