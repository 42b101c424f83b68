import { PlexlineError, readVarint, varintBytes, writeVarint } from "@plexline/protocol";
import { takeHeadroom } from "../../headroom.ts";

// The frames of Hocuspocus: one in each WebSocket message, behind the address that it is about. Numbers are unsigned
// LEB128, and bytes and text stand behind their length. HOCUSPOCUS.md lists them.

const TYPE = {
  sync: 0,
  awareness: 1,
  auth: 2,
  queryAwareness: 3,
  stateless: 5,
  broadcastStateless: 6,
  close: 7,
  syncStatus: 8,
  ping: 9,
  pong: 10,
} as const;
const SYNC = { step1: 0, step2: 1, update: 2 } as const;
const AUTH = { token: 0, denied: 1, authenticated: 2 } as const;

/** Longest address, in bytes: it comes back with every frame. */
export const ADDRESS_BYTES_MAX = 1_024;

/** What a client says, about an address. */
export type HocuspocusFrame =
  /** SyncStep1: what it has. */
  | { readonly type: "step1"; readonly stateVector: Uint8Array }
  /** SyncStep2: what we lack. */
  | { readonly type: "step2"; readonly update: Uint8Array }
  | { readonly type: "update"; readonly update: Uint8Array }
  | { readonly type: "awareness"; readonly awareness: Uint8Array }
  /** Providers before version 4 do not tell their version. */
  | { readonly type: "auth"; readonly token: string; readonly version: string | null }
  | { readonly type: "query-awareness" }
  | { readonly type: "stateless"; readonly text: string }
  | { readonly type: "broadcast-stateless" }
  | { readonly type: "close" }
  /** Of a type that clients do not send, or that newer ones do. */
  | { readonly type: "unknown" };

/** A message of a client. */
export type HocuspocusMessage =
  /** The answer to our ping; about no address. */
  "pong" | { readonly address: string; readonly frame: HocuspocusFrame };

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf8 = new TextEncoder();

/**
 * Reads a message of a client; bytes in it are views into the message.
 *
 * @throws PlexlineError MALFORMED_MESSAGE for text, and for bytes that end too early or too late.
 */
export function decodeHocuspocusMessage(message: string | Uint8Array): HocuspocusMessage {
  if (typeof message === "string") return refuse("it is text, and Hocuspocus speaks in binary messages");
  if (message.length === 1 && message[0] === TYPE.pong) return "pong";
  const body = new Body(message);
  const addressBytes = body.bytes();
  if (addressBytes.length > ADDRESS_BYTES_MAX) refuse(`its address has more than ${ADDRESS_BYTES_MAX} bytes`);
  const address = textOf(addressBytes);
  return { address, frame: decodeBody(body) };
}

function decodeBody(body: Body): HocuspocusFrame {
  switch (body.number()) {
    case TYPE.sync:
      return decodeSync(body);
    case TYPE.awareness:
      return { type: "awareness", awareness: body.lastBytes() };
    case TYPE.auth:
      return decodeAuth(body);
    case TYPE.queryAwareness:
      return { type: "query-awareness" };
    case TYPE.stateless:
      return { type: "stateless", text: textOf(body.lastBytes()) };
    case TYPE.broadcastStateless:
      return { type: "broadcast-stateless" };
    case TYPE.close:
      return { type: "close" };
    default:
      return { type: "unknown" };
  }
}

function decodeSync(body: Body): HocuspocusFrame {
  switch (body.number()) {
    case SYNC.step1:
      return { type: "step1", stateVector: body.lastBytes() };
    case SYNC.step2:
      return { type: "step2", update: body.lastBytes() };
    case SYNC.update:
      return { type: "update", update: body.lastBytes() };
    default:
      return { type: "unknown" };
  }
}

function decodeAuth(body: Body): HocuspocusFrame {
  if (body.number() !== AUTH.token) return { type: "unknown" };
  const token = textOf(body.bytes());
  return { type: "auth", token, version: body.isAtEnd ? null : textOf(body.lastBytes()) };
}

/** What is left of a message while it is read. */
class Body {
  readonly #message: Uint8Array;
  #at = 0;

  constructor(message: Uint8Array) {
    this.#message = message;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#message.length;
  }

  number(): number {
    const value = readVarint(this.#message, this.#at);
    this.#at += varintBytes(value);
    return value;
  }

  /** Bytes behind their length. */
  bytes(): Uint8Array {
    const length = this.number();
    const bytes = this.#message.subarray(this.#at, this.#at + length);
    if (bytes.length !== length) refuse(`${length} bytes should follow, and ${bytes.length} do`);
    this.#at += length;
    return bytes;
  }

  /** Bytes behind their length, which nothing follows. */
  lastBytes(): Uint8Array {
    const bytes = this.bytes();
    if (!this.isAtEnd) refuse("something follows its end");
    return bytes;
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return refuse("a text of it is not UTF-8");
  }
}

function refuse(why: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message: `This is no Hocuspocus frame: ${why}.`,
    fix: "Send one frame behind its address in each binary message.",
  });
}

/** One byte, about no address, for providers since version 4; earlier ones throw at it. */
export const PING: Uint8Array = Uint8Array.of(TYPE.ping);

export function encodeStep1(address: string, stateVector: Uint8Array): Uint8Array {
  return frame(address, [TYPE.sync, SYNC.step1], stateVector);
}

export function encodeStep2(address: string, update: Uint8Array): Uint8Array {
  return frame(address, [TYPE.sync, SYNC.step2], update);
}

export function encodeUpdate(address: string, update: Uint8Array): Uint8Array {
  return frame(address, [TYPE.sync, SYNC.update], update);
}

export function encodeAwareness(address: string, awareness: Uint8Array): Uint8Array {
  return frame(address, [TYPE.awareness], awareness);
}

/** Asks the client for a token. */
export function encodeTokenRequest(address: string): Uint8Array {
  return frame(address, [TYPE.auth, AUTH.token], null);
}

export function encodeDenied(address: string, reason: string): Uint8Array {
  return frame(address, [TYPE.auth, AUTH.denied], utf8.encode(reason));
}

export function encodeAuthenticated(address: string, scope: "read-write" | "readonly"): Uint8Array {
  return frame(address, [TYPE.auth, AUTH.authenticated], utf8.encode(scope));
}

export function encodeStateless(address: string, text: string): Uint8Array {
  return frame(address, [TYPE.stateless], utf8.encode(text));
}

export function encodeClose(address: string, reason: string): Uint8Array {
  return frame(address, [TYPE.close], utf8.encode(reason));
}

/** Says what became of one update: it is saved, or it was refused. */
export function encodeSyncStatus(address: string, isSaved: boolean): Uint8Array {
  return frame(address, [TYPE.syncStatus, isSaved ? 1 : 0], null);
}

/** The numbers of a head are below 128: one byte each. */
function frame(address: string, head: readonly number[], body: Uint8Array | null): Uint8Array {
  const name = utf8.encode(address);
  const headAt = varintBytes(name.length) + name.length;
  const lengthAt = headAt + head.length;
  const bodyAt = lengthAt + (body === null ? 0 : varintBytes(body.length));
  const inPlace = body === null ? undefined : takeHeadroom(body, bodyAt);
  const bytes = inPlace ?? new Uint8Array(bodyAt + (body?.length ?? 0));
  bytes.set(name, writeVarint(bytes, 0, name.length));
  bytes.set(head, headAt);
  if (body === null) return bytes;
  writeVarint(bytes, lengthAt, body.length);
  if (inPlace === undefined) bytes.set(body, bodyAt);
  return bytes;
}
