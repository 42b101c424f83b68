import { PlexlineError } from "@plexline/protocol";
import { concatBytes } from "../encoding/concat-bytes.ts";

/** How much of a body is taken. */
export interface BodyLimit {
  readonly bytesMax: number;
  /** What to do about a body that is larger. Default: send less at once. */
  readonly fix?: string;
}

const WHOLE_NUMBER = /^\d+$/;

/** Reads a body of at most so many bytes, whatever the request says of its length. Rejects with MESSAGE_TOO_LARGE. */
export async function readBody(request: Request, limit: BodyLimit): Promise<Uint8Array<ArrayBuffer>> {
  const told = request.headers.get("content-length");
  if (Number(told) > limit.bytesMax) throw bodyTooLarge(limit);
  if (told === null || !WHOLE_NUMBER.test(told)) return readParts(request, limit);
  // HTTP holds a body to the length that was told: read whole it costs a fraction of what a web stream does.
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length > limit.bytesMax) throw bodyTooLarge(limit);
  return bytes;
}

async function readParts(request: Request, limit: BodyLimit): Promise<Uint8Array<ArrayBuffer>> {
  const reader = request.body?.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > limit.bytesMax) {
      void reader.cancel().catch(() => {});
      throw bodyTooLarge(limit);
    }
    parts.push(value);
  }
  return concatBytes(parts);
}

/** The type that a body is declared as, in lower case and without parameters; null if it is not declared. */
export function mediaTypeOf(request: Request): string | null {
  const type = request.headers.get("content-type");
  return type === null ? null : (type.split(";", 1)[0] ?? "").trim().toLowerCase();
}

/** The text of a body; null if it is not UTF-8. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** What a body is refused with that is larger. */
export function bodyTooLarge({ bytesMax, fix = "Send less at once." }: BodyLimit): PlexlineError {
  return new PlexlineError("MESSAGE_TOO_LARGE", {
    message: `The body is larger than the ${bytesMax} bytes that are taken here.`,
    fix,
  });
}
