import { createTokens } from "./edits.ts";

/** Somebody's document. */
export interface Author {
  readonly user: string;
  /** The clock after the last struct that was written with the client id of the document. */
  clock(): number;
}

/** What the applications of a run know of their edits together. */
export interface DocumentRecord {
  /** Gives out tokens that nobody has used. */
  readonly tokens: (count: number) => string;
  /** Who writes with each Yjs client id. */
  readonly authors: Map<number, Author>;
  /** Whose session each is, as far as their clients know. */
  readonly userOfSession: Map<string, string>;
  /** Tokens that somebody deleted, saved or not. */
  readonly deleted: Set<string>;
  /** Tokens of somebody who may not write them. */
  readonly forged: Set<string>;
}

export function createDocumentRecord(): DocumentRecord {
  return {
    tokens: createTokens(),
    authors: new Map(),
    userOfSession: new Map(),
    deleted: new Set(),
    forged: new Set(),
  };
}
