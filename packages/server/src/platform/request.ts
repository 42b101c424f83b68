/** What is known of a connection from its HTTP upgrade, or of an HTTP request; header names are lower case. */
export interface UpgradeRequest {
  readonly method: string;
  /** Decoded path without query, e.g. `/ws`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Subprotocols the client offered, in order, `bearer.…` entries included. */
  readonly subprotocols: readonly string[];
  readonly remoteAddress: string;
  /** Values of the `:name` parts and of `*` in the endpoint's path. */
  readonly params: Readonly<Record<string, string>>;
}
