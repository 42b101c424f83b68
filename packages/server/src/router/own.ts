import type { Encoder } from "../broker/publication.ts";

/** What of a subscription is for its subscriber alone, where its codec is shared. */
export interface Own {
  /** Codec of what only it is told; after a gap nothing follows until it subscribes anew. */
  readonly encoder: Encoder;
  /** Everything up to this offset has been handed to the connection. */
  readonly handed?: (offset: number) => void;
}
