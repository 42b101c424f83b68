import type { Doc } from "yjs";

export interface StoredDocument {
  readonly epoch: string;
  readonly entries: readonly {
    readonly kind: number;
    readonly offset: number;
    readonly user?: string;
    readonly payload: Uint8Array;
  }[];
  readonly logBytes: number;
  readonly snapshot: { readonly epoch: string; readonly offset: number; readonly bytes: number } | undefined;
  readonly text: string;
  /** What the whole log makes, and what the snapshot and the log after it make. */
  readonly log: Doc;
  readonly folded: Doc;
}

export function readStoredDocuments<const Names extends readonly string[]>(
  directory: string,
  documents: Names,
): Promise<{ [Name in keyof Names]: StoredDocument }>;
