import { PlexlineError, parseJson } from "@plexline/protocol";

/** A message of a fabric client, of whatever type. */
export interface FabricMessage {
  readonly type: string;
  /** Undefined: the connection's document. */
  readonly documentId: string | undefined;
  readonly data: unknown;
}

/** Largest message: an update of 1 MiB as an array of numbers, and room for the rest. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024 + 4 * 1024;
/** Longest type, in characters. */
const TYPE_LENGTH_MAX = 64;
/** Nesting of a message, as in the native protocol. */
const DEPTH_MAX = 32;
/** Commas of a message that is longer. It has a handful, and more in its names; an array of numbers has one for each byte. */
const LONG_MESSAGE_COMMAS_MAX = 1_000;

/**
 * Reads a message of a client [FB4]. Throws MALFORMED_MESSAGE or JSON_TOO_DEEP for what is none, and MESSAGE_TOO_LARGE for one
 * of which only the parsing would hold up others: the answer to the server's question may be long, as base64 [FB6].
 */
export function parseFabricMessage(message: string | Uint8Array): FabricMessage {
  if (typeof message !== "string") return refuse("Messages are text.");
  if (message.length > MESSAGE_BYTES_MAX) assertFewParts(message);
  const value = parseJson(message, { depthMax: DEPTH_MAX });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return refuse("The message must be an object.");
  const { type, documentId, data } = value as Readonly<Record<string, unknown>>;
  if (typeof type !== "string" || type.length > TYPE_LENGTH_MAX)
    return refuse(`type must be text of at most ${TYPE_LENGTH_MAX} characters.`);
  if (documentId !== undefined && documentId !== null && typeof documentId !== "string")
    return refuse("documentId must be text.");
  return { type, documentId: documentId ?? undefined, data };
}

function assertFewParts(message: string): void {
  let commas = 0;
  for (let at = message.indexOf(","); at !== -1; at = message.indexOf(",", at + 1)) {
    commas += 1;
    if (commas <= LONG_MESSAGE_COMMAS_MAX) continue;
    throw new PlexlineError("MESSAGE_TOO_LARGE", {
      message: `A message of more than ${MESSAGE_BYTES_MAX} characters must have its bytes as base64.`,
      fix: "Send the bytes in data as base64.",
    });
  }
}

function refuse(message: string): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message,
    fix: 'Send {"type", "documentId", "clientID", "data"} as one JSON object per text message.',
  });
}
