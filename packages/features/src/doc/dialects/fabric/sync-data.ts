import { type Reader, readerOf, readUint } from "../../update/reader.ts";
import { decodeStateVector } from "../../update/state-vector.ts";

/** What a client's bytes about the document are. */
export type SyncData =
  /** It asks for what it lacks. */
  | { readonly kind: "question" }
  /** It says what it has. */
  | { readonly kind: "update"; readonly update: Uint8Array };

const LIMITS = { clientsMax: 100_000, clockMax: Number.MAX_SAFE_INTEGER };
/** Types of the messages of the y-protocols sync protocol: SyncStep1, SyncStep2, Update. */
const STEP_1 = 0;
const TYPE_MAX = 2;
const QUESTION: SyncData = { kind: "question" };

/**
 * Tells a state vector, an update, and a message of the y-protocols sync protocol around either from each other [FB7]. No
 * bytes can be two of them: a state vector holds two numbers for each client id and nothing else, an update at least five,
 * and a message of the sync protocol declares the length of its rest, which both are too short for.
 * Whether an update is a good one is for the document to say.
 */
export function syncDataOf(bytes: Uint8Array): SyncData {
  if (isStateVector(bytes)) return QUESTION;
  const reader = readerOf(bytes);
  const [type, length] = [numberAt(reader), numberAt(reader)];
  const isWrapped = type <= TYPE_MAX && length > 0 && length === reader.end - reader.at;
  if (!isWrapped) return { kind: "update", update: bytes };
  return type === STEP_1 ? QUESTION : { kind: "update", update: bytes.subarray(reader.at) };
}

function isStateVector(bytes: Uint8Array): boolean {
  try {
    decodeStateVector(bytes, LIMITS);
    return true;
  } catch {
    return false;
  }
}

/** The next number; NaN if there is none. */
function numberAt(reader: Reader): number {
  try {
    return readUint(reader);
  } catch {
    return Number.NaN;
  }
}
