// The wire of the doc feature; PROTOCOL.md beside this file describes it.

/** Kinds of binary messages. */
export const DOC_KIND = {
  update: 0,
  syncRequest: 1,
  syncResponse: 2,
  awareness: 3,
  part: 4,
  state: 5,
  event: 6,
  notice: 7,
} as const;

export type DocKind = (typeof DOC_KIND)[keyof typeof DOC_KIND];

/** `input` of a `subscribe` to a document. */
export interface DocInput {
  /** Long messages may come in parts. */
  readonly parts?: boolean;
}

/** `input` of the command `seed`. */
export interface SeedInput {
  /** The first content of the document: an update in base64. */
  readonly update: string;
}

/** What `seed` is answered. */
export interface SeedOutput {
  /** Whether the document was empty and has this content now. */
  readonly seeded: boolean;
}

/** Largest payload of a part, in bytes. */
export const PART_BYTES_MAX = 256 * 1024;

/** Longest name of an event, in characters. */
export const EVENT_NAME_MAX = 64;
/** Longest data of an event, in bytes of JSON. */
export const EVENT_DATA_BYTES_MAX = 16 * 1024;

/** The update that changes nothing: no structs, no deletions. */
export const EMPTY_UPDATE: Uint8Array = new Uint8Array([0, 0]);
