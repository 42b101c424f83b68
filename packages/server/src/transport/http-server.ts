import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener, RequestError } from "@hono/node-server";
import { PlexlineError } from "@plexline/protocol";
import type { Logger } from "../telemetry/log.ts";
import { type AttachOptions, attachUpgrades } from "./attach.ts";
import { remoteAddressOf, type TrustProxy } from "./remote-address.ts";
import { takeOverStream } from "./stream-response.ts";
import type { UpgradeHandler } from "./upgrade.ts";

/** What is known of an HTTP request beside the request itself. */
export interface FetchContext {
  readonly remoteAddress: string;
}

export interface HttpServerOptions {
  /** Answers plain HTTP. A rejection is answered 500 without its text. */
  fetch(request: Request, context: FetchContext): Response | Promise<Response>;
  readonly upgrade: UpgradeHandler;
  readonly log: Logger;
  readonly trustProxy?: TrustProxy;
  /** How long the headers of a request may take. Default 10,000 ms. */
  readonly headersTimeoutMs?: number;
  /** How long a whole request may take to arrive. Default 30,000 ms. */
  readonly requestTimeoutMs?: number;
  /** How often those two are looked at. Default 1,000 ms. */
  readonly timeoutCheckIntervalMs?: number;
}

/** A server that listens. */
export interface Listening {
  /** Without a slash at the end, e.g. `http://127.0.0.1:3000`. */
  readonly url: string;
  readonly port: number;
  /** Stops listening at once, lets responses end within `graceMs` (default 1,000), then cuts what is open. */
  close(options?: { graceMs?: number }): Promise<void>;
}

export interface HttpServer {
  /** @throws the error of Node if the port cannot be had, e.g. with code EADDRINUSE. */
  listen(port: number, host: string): Promise<Listening>;
  /** Serves our paths on a server that others use too. Returns what undoes it; open connections stay. */
  attach(server: Server, options?: Pick<AttachOptions, "prefixes" | "requestPrefixes">): () => void;
}

const HEADER_BYTES_MAX = 16 * 1024;

/** Serves HTTP by a fetch handler and WebSockets by an upgrade handler, on a server of its own or on another's. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const onRequest = createRequestListener(options);
  return {
    async listen(port, host) {
      const server = createServer(
        {
          headersTimeout: options.headersTimeoutMs ?? 10_000,
          requestTimeout: options.requestTimeoutMs ?? 30_000,
          connectionsCheckingInterval: options.timeoutCheckIntervalMs ?? 1000,
          maxHeaderSize: HEADER_BYTES_MAX,
        },
        onRequest,
      );
      attachUpgrades(server, options.upgrade);
      await listening(server, port, host);
      // A connection that could not be accepted, for want of file descriptors say, must not end the process.
      server.on("error", (error) => options.log.error({ action: "http.error", err: error }));
      const { port: boundPort } = server.address() as AddressInfo;
      return {
        url: `http://${urlHost(host)}:${boundPort}`,
        port: boundPort,
        close: ({ graceMs = 1000 } = {}) => close(server, options.upgrade, graceMs),
      };
    },
    attach: (server, attachOptions = {}) =>
      attachUpgrades(server, options.upgrade, { ...attachOptions, onRequest }),
  };
}

function createRequestListener(
  options: HttpServerOptions,
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  const { log, trustProxy = false } = options;
  const listener = getRequestListener(
    async (request, env) => {
      const incoming = env.incoming as IncomingMessage;
      const remoteAddress = remoteAddressOf(incoming, trustProxy);
      const response = await options.fetch(request, { remoteAddress });
      return takeOverStream(response, incoming, env.outgoing as ServerResponse);
    },
    {
      overrideGlobalObjects: false, // an application's own Request and Response stay as they are
      errorHandler(error) {
        if (error instanceof RequestError) return errorResponse(400, MALFORMED_REQUEST);
        log.error({ action: "http.error", err: error }, "An HTTP request failed.");
        return errorResponse(500, PlexlineError.from(error));
      },
    },
  );
  return (incoming, outgoing) => void listener(incoming, outgoing);
}

const MALFORMED_REQUEST = new PlexlineError("MALFORMED_MESSAGE", {
  message: "The request could not be read.",
  fix: "Check its URL and its Host header.",
});

function errorResponse(status: number, error: PlexlineError): Response {
  return Response.json(error.toBody(), { status });
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** A host as it stands in a URL; the addresses that mean "all of them" are reached on the loopback. */
function urlHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

function close(server: Server, upgrade: UpgradeHandler, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => {
      server.closeAllConnections();
      upgrade.terminate();
    }, graceMs);
    upgrade.drain();
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
  });
}
