import type { WebSocketConstructor } from "@plexline/client";
import { createEventSourceWire } from "./event-source-wire.ts";
import { createLongPollWire } from "./long-poll-wire.ts";
import type { RunReaderOptions } from "./options.ts";
import { createSocketWire } from "./socket-wire.ts";
import { createSseWire } from "./sse-wire.ts";
import type { Wires } from "./wire.ts";

/** What a reader has to do with. */
export interface Platform {
  readonly urls: { readonly socket: URL; readonly stream: URL; readonly policy: URL };
  readonly fetch: typeof globalThis.fetch;
  readonly WebSocket?: WebSocketConstructor | undefined;
  readonly EventSource?: RunReaderOptions["EventSource"];
}

/** Where a page is; absent elsewhere. */
interface PageScope {
  readonly location?: { readonly href: string };
  readonly WebSocket?: WebSocketConstructor;
}

const PATHS = { socket: "/api/ws", stream: "/api/stream", policy: "/api/stream/policy" };

/** Fills in what the platform has. Throws a TypeError without a URL outside of a page. */
export function platformOf(options: RunReaderOptions): Platform {
  const page = globalThis as unknown as PageScope;
  const base = options.url ?? page.location?.href;
  if (base === undefined) throw new TypeError("createRunReader needs the url of the server.");
  const server = new URL(base, page.location?.href);
  // A page's own path, or that of a socket, says nothing about where streams are.
  server.protocol = server.protocol.replace(/^ws/, "http");
  const urlOf = (name: keyof typeof PATHS) => new URL(options.paths?.[name] ?? PATHS[name], server);
  return {
    urls: { socket: urlOf("socket"), stream: urlOf("stream"), policy: urlOf("policy") },
    // Browsers call it on nothing but their own global scope.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    WebSocket: options.WebSocket ?? page.WebSocket,
    EventSource: options.EventSource,
  };
}

/** The ways that this platform has. */
export function createWires({ urls, fetch, WebSocket, EventSource }: Platform): Wires {
  return {
    ...(WebSocket === undefined ? {} : { websocket: createSocketWire(urls.socket, WebSocket) }),
    sse:
      EventSource === undefined
        ? createSseWire(urls.stream, fetch)
        : createEventSourceWire(urls.stream, EventSource),
    "long-poll": createLongPollWire(urls.stream, fetch),
  };
}
