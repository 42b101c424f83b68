import { PlexlineError } from "@plexline/protocol";
import { concatBytes } from "./bytes.ts";

/** Reads a body of at most so many bytes, whatever the request says of its length. */
export async function readBody(request: Request, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get("content-length")) > bytesMax) throw tooLarge(bytesMax);
  const reader = request.body?.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > bytesMax) {
      void reader.cancel().catch(() => {});
      throw tooLarge(bytesMax);
    }
    parts.push(value);
  }
  return concatBytes(parts);
}

function tooLarge(bytesMax: number): PlexlineError {
  return new PlexlineError("MESSAGE_TOO_LARGE", {
    message: `The body is larger than the ${bytesMax} bytes that are taken here.`,
    fix: "Send less at once, or raise bodyBytesMax of durableStreams.",
  });
}
