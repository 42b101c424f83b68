import { findCredentials } from "../../../packages/server/src/auth/credentials.ts";
import type { Credentials, Endpoint, UpgradeRequest } from "../../../packages/server/src/index.ts";
import { silentLogger } from "../../../packages/server/src/telemetry/log.ts";
import { createDispatch } from "../../../packages/server/src/transport/dispatch.ts";

/** Stands before the URL where a network without URLs has room for it: in front of the subprotocols. */
const ADDRESS = "address:";

/** What to offer so that a connection goes where its URL says. */
export function addressOffer(url: string): string {
  return `${ADDRESS}${url}`;
}

export function isAddressed({ subprotocols: [first] }: UpgradeRequest): boolean {
  return first?.startsWith(ADDRESS) ?? false;
}

/** Who a connection is for and what it shows of itself, as for one over a real socket; throws if nobody takes it. */
export function routeTo(endpoints: readonly Endpoint[], offered: UpgradeRequest) {
  const [address = "", ...subprotocols] = offered.subprotocols;
  const { pathname: path, searchParams: query } = new URL(address.slice(ADDRESS.length));
  const dispatch = createDispatch({ nativePath: "/ws", endpoints, log: silentLogger });
  const { target, request } = dispatch.choose(dispatch.candidates(path), {
    ...offered,
    path,
    query,
    subprotocols,
  });
  if (target.kind === "none") throw new Error(`Nobody takes ${path}: ${target.close.reason}`);
  const { tokenParameter } = target.kind === "endpoint" ? target.endpoint : {};
  const credentials: Credentials = findCredentials(request, {
    cookie: "session",
    originAllowed: true,
    ...(tokenParameter === undefined ? {} : { tokenParameter }),
  });
  return { credentials, target };
}
