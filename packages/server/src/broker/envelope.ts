import { type BinaryMessage, type Position, parseJson, type ServerMessage } from "@plexline/protocol";
import type { OutboxPolicy } from "./publication.ts";

/** What nodes tell each other about a topic. */
export type Envelope =
  /** The topic's log has grown up to `position`: whoever lags reads it. */
  | { readonly kind: "head"; readonly position: Position }
  /** An ephemeral message for everybody's subscribers. */
  | {
      readonly kind: "relay";
      readonly message: ServerMessage | BinaryMessage;
      readonly outbox: OutboxPolicy;
    };

/** Deepest JSON accepted from another node: its payloads were accepted there with at most this depth, plus our own. */
const ENVELOPE_DEPTH_MAX = 64;

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return Buffer.from(
    JSON.stringify(envelope, (_key, value: unknown) =>
      value instanceof Uint8Array ? { $binary: Buffer.from(value).toString("base64") } : value,
    ),
  );
}

/** Reads an envelope; null for anything that is not one, because a broker's bytes are untrusted too. */
export function decodeEnvelope(bytes: Uint8Array): Envelope | null {
  try {
    const value = parseJson(Buffer.from(bytes).toString(), { depthMax: ENVELOPE_DEPTH_MAX });
    if (!isObject(value)) return null;
    if (value.kind === "head")
      return isPosition(value.position) ? { kind: "head", position: value.position } : null;
    if (value.kind !== "relay" || !isPolicy(value.outbox)) return null;
    const message = readMessage(value.message);
    return message && { kind: "relay", message, outbox: value.outbox };
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPosition(value: unknown): value is Position {
  return isObject(value) && typeof value.epoch === "string" && isCount(value.offset);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isPolicy(value: unknown): value is OutboxPolicy {
  if (!isObject(value)) return false;
  if (value.policy === "coalesce") return typeof value.key === "string";
  return value.policy === "drop-oldest" || value.policy === "close";
}

/** A message as it was handed in on the other node. What a text message says was checked there, where it was made. */
function readMessage(value: unknown): ServerMessage | BinaryMessage | null {
  if (!isObject(value)) return null;
  if (typeof value.type === "string") return value as unknown as ServerMessage;
  const { alias, kind, payload } = value;
  if (!isCount(alias) || !isCount(kind) || !isObject(payload) || typeof payload.$binary !== "string")
    return null;
  return { alias, kind, payload: Buffer.from(payload.$binary, "base64") };
}
