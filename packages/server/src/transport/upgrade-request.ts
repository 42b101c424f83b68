import type { IncomingMessage } from "node:http";
import { decodePath } from "../platform/path.ts";
import type { UpgradeRequest } from "../platform/request.ts";
import { remoteAddressOf, type TrustProxy } from "./remote-address.ts";

/** Path and query of a request line, the path still percent-encoded. */
export interface RequestTarget {
  readonly rawPath: string;
  readonly query: string;
}

/** Splits `/ws?token=…`; the absolute form of proxies (`http://host/ws`) counts as its path. */
export function requestTargetOf(url: string | undefined): RequestTarget {
  const target = (url ?? "").replace(/^https?:\/\/[^/?]*/i, "");
  const mark = target.indexOf("?");
  if (mark === -1) return { rawPath: target, query: "" };
  return { rawPath: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** What the layers above learn of an upgrade, without params. The path must be one that decodes. */
export function createUpgradeRequest(incoming: IncomingMessage, trustProxy: TrustProxy): UpgradeRequest {
  const { rawPath, query } = requestTargetOf(incoming.url);
  return {
    method: incoming.method ?? "GET",
    path: `/${(decodePath(rawPath) ?? []).join("/")}`,
    query: new URLSearchParams(query),
    headers: headersOf(incoming),
    subprotocols: subprotocolsOf(incoming),
    remoteAddress: remoteAddressOf(incoming, trustProxy),
    params: {},
  };
}

/** One value per name. A repeated header keeps all its values, so that a check of the whole value sees both. */
function headersOf(incoming: IncomingMessage): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = Object.create(null);
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    headers[name] = values?.join(name === "cookie" ? "; " : ", ");
  }
  return headers;
}

function subprotocolsOf(incoming: IncomingMessage): string[] {
  const offered = incoming.headers["sec-websocket-protocol"];
  return offered === undefined ? [] : offered.split(",").map((entry) => entry.trim());
}
