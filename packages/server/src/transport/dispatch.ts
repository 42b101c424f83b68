import { SUBPROTOCOL } from "@plexline/protocol";
import type { Endpoint } from "../feature/endpoint.ts";
import { comparePaths, compilePath, matchPath, type PathParams } from "../platform/path.ts";
import type { UpgradeRequest } from "../platform/request.ts";
import type { Logger } from "../telemetry/log.ts";
import type { CloseReason } from "./close-reason.ts";

/** Who gets a connection: the native protocol, an endpoint, or nobody, which a close after the upgrade says. */
export type UpgradeTarget =
  | { readonly kind: "native" }
  | { readonly kind: "endpoint"; readonly endpoint: Endpoint }
  | { readonly kind: "none"; readonly close: CloseReason };

/** What stands at a path, before the request has been looked at. */
export interface Candidate {
  /** Null for the native protocol. */
  readonly endpoint: Endpoint | null;
  readonly params: PathParams;
}

export interface Dispatch {
  /** All that stands at a path, most specific first; empty for a path that is not ours. */
  candidates(rawPath: string): readonly Candidate[];
  /** Chooses among them; the request that comes back has the params of the path that was chosen. */
  choose(
    candidates: readonly Candidate[],
    request: UpgradeRequest,
  ): { readonly target: UpgradeTarget; readonly request: UpgradeRequest };
}

export interface DispatchOptions {
  /** Path of the native protocol; null where it is not served. */
  readonly nativePath: string | null;
  readonly endpoints: readonly Endpoint[];
  readonly log: Logger;
}

/** Finds who a connection is for, by its path, then its subprotocol, then what endpoints say of it. */
export function createDispatch(options: DispatchOptions): Dispatch {
  const native =
    options.nativePath === null ? [] : [{ path: compilePath(options.nativePath), endpoint: null }];
  const routes = [
    ...native,
    ...options.endpoints.map((endpoint) => ({ path: compilePath(endpoint.path), endpoint })),
  ];
  routes.sort((left, right) => comparePaths(left.path, right.path)); // stable: equal paths stay in order of registration

  function takes(endpoint: Endpoint | null, request: UpgradeRequest): boolean {
    if (endpoint === null) return request.subprotocols.includes(SUBPROTOCOL);
    if (endpoint.match === undefined) return true;
    try {
      return endpoint.match(request);
    } catch (error) {
      options.log.error(
        { action: "ws.error", path: endpoint.path, err: error },
        "An endpoint's match threw.",
      );
      return false;
    }
  }

  return {
    candidates(rawPath) {
      const found: Candidate[] = [];
      for (const { path, endpoint } of routes) {
        const params = matchPath(path, rawPath);
        if (params !== null) found.push({ endpoint, params });
      }
      return found;
    },
    choose(candidates, unmatched) {
      for (const { endpoint, params } of candidates) {
        const request = { ...unmatched, params };
        if (!takes(endpoint, request)) continue;
        return { target: endpoint === null ? { kind: "native" } : { kind: "endpoint", endpoint }, request };
      }
      const isNative = candidates.some(({ endpoint }) => endpoint === null);
      return {
        target: { kind: "none", close: isNative ? OFFER_SUBPROTOCOL : NOT_TAKEN },
        request: unmatched,
      };
    },
  };
}

const OFFER_SUBPROTOCOL: CloseReason = {
  code: 1008,
  reason: `Nothing here takes this request: offer the WebSocket subprotocol ${SUBPROTOCOL}.`,
};
const NOT_TAKEN: CloseReason = {
  code: 1008,
  reason: "Nothing at this path takes this request: check its query parameters.",
};
