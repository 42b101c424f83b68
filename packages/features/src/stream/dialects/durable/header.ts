import { refuse } from "./failure.ts";

/** Headers of the protocol, as they are written in answers. */
export const HEADER = {
  nextOffset: "Stream-Next-Offset",
  upToDate: "Stream-Up-To-Date",
  cursor: "Stream-Cursor",
  closed: "Stream-Closed",
  order: "Stream-Seq",
  ttl: "Stream-TTL",
  expiresAt: "Stream-Expires-At",
  forkedFrom: "Stream-Forked-From",
  forkOffset: "Stream-Fork-Offset",
  forkSubOffset: "Stream-Fork-Sub-Offset",
  sseEncoding: "stream-sse-data-encoding",
  producerId: "Producer-Id",
  producerEpoch: "Producer-Epoch",
  producerSequence: "Producer-Seq",
  expectedSequence: "Producer-Expected-Seq",
  receivedSequence: "Producer-Received-Seq",
} as const;

/** What scripts of another origin may read of an answer. */
const EXPOSED = [...Object.values(HEADER), "ETag", "Location", "Retry-After"].join(", ");

/**
 * Told with every answer [DS3]. Scripts of pages that the server allows ask by CORS, which the resource policy is not about;
 * it keeps other pages from embedding what a cookie may read.
 */
export const EVERY_ANSWER: Readonly<Record<string, string>> = {
  "Access-Control-Expose-Headers": EXPOSED,
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
};

/** Decimal digits without sign, leading zeros, point or exponent. */
const WHOLE = /^(?:0|[1-9]\d{0,15})$/;
/** RFC 3339, of which `Date` alone takes too much. */
const INSTANT = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const TTL_SECONDS_MAX = 100 * 365 * 24 * 3_600;

/** How long a stream lives; at most one of them. */
export interface Lifetime {
  readonly ttlMs?: number;
  readonly expiresAtMs?: number;
}

/** Whose append it is, as the three headers say. */
export interface ProducerHeaders {
  readonly id: string;
  readonly generation: number;
  readonly sequence: number;
}

/** Whether the header asks to close; any other value than `true` is as good as none. */
export function wantsClose(headers: Headers): boolean {
  return headers.get(HEADER.closed)?.toLowerCase() === "true";
}

/** Reads the lifetime that a stream is to have [DS9]. */
export function readLifetime(headers: Headers): Lifetime {
  const ttl = headers.get(HEADER.ttl);
  const expiresAt = headers.get(HEADER.expiresAt);
  if (ttl !== null && expiresAt !== null)
    throw refuse(400, `${HEADER.ttl} and ${HEADER.expiresAt} exclude each other.`, "Send one of them.");
  if (ttl !== null) {
    const seconds = readWhole(headers, HEADER.ttl) as number;
    if (seconds > TTL_SECONDS_MAX)
      throw refuse(
        400,
        `${HEADER.ttl} is more than a hundred years.`,
        "Leave it out for a stream that stays.",
      );
    return { ttlMs: seconds * 1_000 };
  }
  if (expiresAt === null) return {};
  const expiresAtMs = INSTANT.test(expiresAt) ? Date.parse(expiresAt) : Number.NaN;
  if (Number.isNaN(expiresAtMs))
    throw refuse(400, `${HEADER.expiresAt} is no time of RFC 3339.`, "Write it like 2030-01-31T12:00:00Z.");
  return { expiresAtMs };
}

/** Reads whose append it is; null if nobody's. */
export function readProducer(headers: Headers): ProducerHeaders | null {
  const id = headers.get(HEADER.producerId);
  const generation = readWhole(headers, HEADER.producerEpoch);
  const sequence = readWhole(headers, HEADER.producerSequence);
  if (id === null && generation === null && sequence === null) return null;
  if (id === null || generation === null || sequence === null)
    throw refuse(
      400,
      `${HEADER.producerId}, ${HEADER.producerEpoch} and ${HEADER.producerSequence} belong together.`,
      "Send all three, or none.",
    );
  if (id === "")
    throw refuse(400, `${HEADER.producerId} is empty.`, "Give the producer a name that it keeps.");
  return { id, generation, sequence };
}

/** Reads a whole number from 0 to 2^53-1; null if the header is absent. */
export function readWhole(headers: Headers, name: string): number | null {
  const text = headers.get(name);
  if (text === null) return null;
  const value = WHOLE.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value))
    throw refuse(
      400,
      `${name} must be a whole number from 0 to 2^53-1.`,
      "Write it with decimal digits, without sign or leading zeros.",
    );
  return value;
}
