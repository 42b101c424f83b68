import { PlexlineError } from "@plexline/protocol";
import { ByteWriter } from "./byte-writer.ts";
import { EVENT_DATA_BYTES_MAX, EVENT_NAME_MAX } from "./protocol.ts";
import { skipJson } from "./update/json.ts";
import { expectEnd, type Reader, readerOf, readUint, skipBytes } from "./update/reader.ts";

/** What an `event` or a `notice` says [DC20]. */
export interface DocEvent {
  /** What it is about: `[a-z][a-z0-9-]*` of at most 64 characters. */
  readonly name: string;
  /** Any JSON value, of at most 16 KiB as JSON. */
  readonly data: unknown;
}

const NAME = /^[a-z][a-z0-9-]*$/;
/** Nesting of the data. */
const DEPTH_MAX = 64;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Writes the payload of an `event` or a `notice`. Throws a PlexlineError MALFORMED_MESSAGE for a name or data that no reader
 * would take.
 *
 * @example
 * const payload = encodeDocEvent({ name: "stateless", data: "hello" });
 * decodeDocEvent(payload).data; // "hello"
 */
export function encodeDocEvent({ name, data }: DocEvent): Uint8Array {
  const json: string | undefined = JSON.stringify(data);
  if (json === undefined) return refuse("Its data is no JSON value.");
  const writer = new ByteWriter();
  writer.text(name);
  writer.text(json);
  const payload = writer.finish();
  decodeDocEvent(payload);
  return payload;
}

/** Reads the payload of an `event` or a `notice`. Throws a PlexlineError MALFORMED_MESSAGE for what is none. */
export function decodeDocEvent(payload: Uint8Array): DocEvent {
  try {
    const reader = readerOf(payload);
    const name = strict.decode(readText(reader, EVENT_NAME_MAX));
    if (!NAME.test(name))
      throw new RangeError("Its name is not one of lower-case letters, digits and hyphens.");
    const json = readText(reader, EVENT_DATA_BYTES_MAX);
    expectEnd(reader);
    skipJson(readerOf(json), json.length, DEPTH_MAX);
    return { name, data: JSON.parse(strict.decode(json)) };
  } catch (cause) {
    return refuse(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** Reads the bytes of a text that may have so many. */
function readText(reader: Reader, bytesMax: number): Uint8Array {
  const length = readUint(reader);
  if (length > bytesMax)
    throw new RangeError(`A text of it has ${length} bytes instead of at most ${bytesMax}.`);
  skipBytes(reader, length);
  return reader.bytes.subarray(reader.at - length, reader.at);
}

function refuse(why: string, cause?: unknown): never {
  throw new PlexlineError("MALFORMED_MESSAGE", {
    message: `The event cannot be read. ${why}`,
    fix: `Send a name of lower-case letters, digits and hyphens, at most ${EVENT_NAME_MAX} of them, and JSON of at most ${EVENT_DATA_BYTES_MAX} bytes.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
