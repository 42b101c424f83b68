import { type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { PlexlineError } from "@plexline/protocol";
import { refuseUpgrade } from "./refusal.ts";
import type { UpgradeHandler } from "./upgrade.ts";
import { requestTargetOf } from "./upgrade-request.ts";

export interface AttachOptions {
  /**
   * Path prefixes whose upgrades are all ours, e.g. `["/realtime"]`: what nothing stands at is answered 404.
   * Default: exactly the paths that something of ours stands at.
   */
  readonly prefixes?: readonly string[];
  /** Path prefixes whose HTTP requests are ours. Default: none. */
  readonly requestPrefixes?: readonly string[];
  /** Answers those requests. */
  onRequest?(incoming: IncomingMessage, outgoing: ServerResponse): void;
}

/**
 * Takes our upgrades of a server that others use too, and leaves every other path alone. It steps in before listeners
 * are called, because a framework may end the sockets of upgrades it does not know, and may add its listener late
 * (Next.js does both). Returns what undoes it.
 */
export function attachUpgrades(
  server: Server,
  upgrade: UpgradeHandler,
  options: AttachOptions = {},
): () => void {
  const { prefixes, requestPrefixes = [] } = options;
  const hadOwnEmit = Object.hasOwn(server, "emit");
  const emit = server.emit;
  let attached = true;

  const isOurs = (url: string | undefined) =>
    prefixes === undefined ? upgrade.owns(url) : hasPrefix(url, prefixes) || upgrade.owns(url);

  function onUpgrade(incoming: IncomingMessage, stream: Duplex, head: Buffer): boolean {
    const isWebSocket = incoming.headers.upgrade?.toLowerCase() === "websocket";
    if (isWebSocket && isOurs(incoming.url)) {
      upgrade.handle(incoming, stream, head);
      return true;
    }
    if (server.listenerCount("upgrade") > 1) return false; // somebody else may know the path
    if (isWebSocket) upgrade.handle(incoming, stream, head);
    else ignoreUpgrade(server, incoming, stream);
    return true;
  }

  function onRequest(incoming: IncomingMessage, outgoing: ServerResponse): boolean {
    if (options.onRequest === undefined || !hasPrefix(incoming.url, requestPrefixes)) return false;
    options.onRequest(incoming, outgoing);
    return true;
  }

  const intercept = (event: string | symbol, ...args: unknown[]): boolean => {
    if (attached && event === "upgrade" && onUpgrade(...(args as [IncomingMessage, Duplex, Buffer])))
      return true;
    if (attached && event === "request" && onRequest(...(args as [IncomingMessage, ServerResponse])))
      return true;
    return Reflect.apply(emit, server, [event, ...args]);
  };
  // Node emits `upgrade` only if somebody listens.
  const listen = () => {};
  server.emit = intercept as typeof server.emit;
  server.on("upgrade", listen);

  return () => {
    attached = false;
    server.off("upgrade", listen);
    if (server.emit !== (intercept as typeof server.emit)) return; // somebody wrapped it after us: ours only passes on
    if (hadOwnEmit) server.emit = emit;
    else Reflect.deleteProperty(server, "emit");
  };
}

function hasPrefix(url: string | undefined, prefixes: readonly string[]): boolean {
  const { rawPath } = requestTargetOf(url);
  return prefixes.some((prefix) => {
    const bare = prefix.replace(/\/+$/, "");
    return rawPath === bare || rawPath.startsWith(`${bare}/`);
  });
}

/**
 * Goes on without an upgrade to another protocol, as HTTP allows: some clients offer h2c with every request. Node has
 * given the stream away by then and reads no body, so a request with one is refused instead of losing it.
 */
function ignoreUpgrade(server: Server, incoming: IncomingMessage, stream: Duplex): void {
  const { "content-length": length = "0", "transfer-encoding": encoding } = incoming.headers;
  if (length !== "0" || encoding !== undefined) {
    refuseUpgrade(stream, 400, BODY_WITH_UPGRADE);
    return;
  }
  const outgoing = new ServerResponse(incoming);
  outgoing.shouldKeepAlive = false;
  stream.on("error", () => stream.destroy());
  outgoing.assignSocket(stream as Parameters<ServerResponse["assignSocket"]>[0]);
  outgoing.once("finish", () => {
    outgoing.detachSocket(stream as Parameters<ServerResponse["detachSocket"]>[0]);
    stream.end(() => stream.destroy());
  });
  server.emit("request", incoming, outgoing);
}

const BODY_WITH_UPGRADE = new PlexlineError("MALFORMED_MESSAGE", {
  message: "A request with a body cannot ask for another protocol.",
  fix: "Send it without the Upgrade header, over HTTP/1.1.",
});
