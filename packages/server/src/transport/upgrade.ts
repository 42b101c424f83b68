import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { BEARER_SUBPROTOCOL_PREFIX, ERROR_CODES, PlexlineError, SUBPROTOCOL } from "@plexline/protocol";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { Endpoint } from "../feature/endpoint.ts";
import type { Clock } from "../platform/clock.ts";
import type { UpgradeRequest } from "../platform/request.ts";
import type { Socket } from "../session/socket.ts";
import type { Logger } from "../telemetry/log.ts";
import { createAdmission } from "./admission.ts";
import { createDispatch, type UpgradeTarget } from "./dispatch.ts";
import { TRANSPORT_LIMITS, type TransportLimits } from "./limits.ts";
import { createReadingTurns } from "./reading-turns.ts";
import { refuseUpgrade } from "./refusal.ts";
import type { TrustProxy } from "./remote-address.ts";
import { COMPRESSED_BYTES_MIN } from "./socket-writer.ts";
import { createUpgradeRequest, requestTargetOf } from "./upgrade-request.ts";
import { createWebSocketSocket } from "./websocket.ts";

/** Whether the page a request came from, and the name it was sent to, may connect. */
export interface OriginCheck {
  check(request: UpgradeRequest): "ok" | "ORIGIN_FORBIDDEN" | "HOST_FORBIDDEN";
}

/** A target that somebody takes over. */
export type TakenTarget = Exclude<UpgradeTarget, { kind: "none" }>;

export interface UpgradeOptions {
  /** Path of the native protocol, null for none. */
  readonly nativePath: string | null;
  readonly endpoints: readonly Endpoint[];
  readonly origin: OriginCheck;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: Partial<TransportLimits>;
  readonly trustProxy?: TrustProxy;
  /** Negotiates permessage-deflate, without context takeover, for messages from 1 KiB. Default false. */
  readonly compression?: boolean;
  /** False leaves all sending to `ws`, at a multiple of the cost. Default true. */
  readonly writesRaw?: boolean;
  /** Asked at each connect; true answers 503 with Retry-After. Default: never. */
  overloaded?(): boolean;
  /** A connection is open. Must attach to the socket before it returns; a throw closes with 1011. */
  onSocket(socket: Socket, request: UpgradeRequest, target: TakenTarget): void;
}

/** Takes upgrades of an HTTP server. */
export interface UpgradeHandler {
  /** Whether something of ours stands at the path of a request line. */
  owns(url: string | undefined): boolean;
  /** Answers an upgrade, with a WebSocket or a refusal; a path that is not ours is refused with 404. */
  handle(incoming: IncomingMessage, stream: Duplex, head: Buffer): void;
  /** From now on upgrades are answered 503; open connections stay. */
  drain(): void;
  /** Cuts every connection that is still open. */
  terminate(): void;
  /** Connections open now. */
  readonly connections: number;
}

const DRAIN_RETRY_MS = 1000;
const INTERNAL_ERROR = 1011;

/**
 * Turns HTTP upgrades into sockets. Before the upgrade only a forbidden Origin or Host, an unknown path and an overloaded
 * or draining server are refused, because a browser cannot read an HTTP status; all else is a close code after it.
 */
export function createUpgradeHandler(options: UpgradeOptions): UpgradeHandler {
  const limits: TransportLimits = { ...TRANSPORT_LIMITS, ...options.limits };
  const { clock, log, endpoints, nativePath, trustProxy = false } = options;
  const dispatch = createDispatch({ nativePath, endpoints, log });
  const admission = createAdmission({ clock, limits, overloaded: () => options.overloaded?.() ?? false });
  const turns = createReadingTurns(clock);
  const answers = new WeakMap<IncomingMessage, string>();
  const server = new WebSocketServer({
    ...serverOptions(limits, options),
    handleProtocols: (_offered, incoming) => answers.get(incoming) ?? false,
  });
  const open = new Set<Socket>();
  let draining = false;

  function refusalOf(request: UpgradeRequest): { status: 403 | 503; error: PlexlineError } | null {
    const verdict = options.origin.check(request);
    if (verdict !== "ok") return { status: 403, error: new PlexlineError(verdict) };
    if (draining) {
      return { status: 503, error: new PlexlineError("SHUTTING_DOWN", { retryAfterMs: DRAIN_RETRY_MS }) };
    }
    const error = admission.check(request.remoteAddress);
    return error === null ? null : { status: 503, error };
  }

  function onOpen(ws: WebSocket, stream: Duplex, request: UpgradeRequest, target: UpgradeTarget): void {
    const socket = createWebSocketSocket(ws, { stream, clock, limits, turns, writesRaw: options.writesRaw });
    open.add(socket);
    ws.once("close", () => open.delete(socket));
    if (target.kind === "none") {
      socket.close(target.close.code, target.close.reason);
      return;
    }
    try {
      options.onSocket(socket, request, target);
    } catch (error) {
      log.error(
        { action: "ws.error", path: request.path, err: error },
        "A connection could not be taken over.",
      );
      socket.close(INTERNAL_ERROR, `INTERNAL: ${ERROR_CODES.INTERNAL.message}`);
    }
  }

  function answer(incoming: IncomingMessage, stream: Duplex, head: Buffer): void {
    const candidates = dispatch.candidates(requestTargetOf(incoming.url).rawPath);
    if (candidates.length === 0) {
      refuseUpgrade(stream, 404, new PlexlineError("PATH_UNKNOWN"));
      return;
    }
    const unmatched = createUpgradeRequest(incoming, trustProxy);
    const refused = refusalOf(unmatched);
    if (refused !== null) {
      const { status, error } = refused;
      log.info({ action: "ws.refuse", status, code: error.code, remoteAddress: unmatched.remoteAddress });
      refuseUpgrade(stream, status, error);
      return;
    }
    const { target, request } = dispatch.choose(candidates, unmatched);
    const subprotocol = subprotocolFor(target, request);
    if (subprotocol !== undefined) answers.set(incoming, subprotocol);
    server.handleUpgrade(incoming, stream, head, (ws) => onOpen(ws, stream, request, target));
  }

  return {
    owns: (url) => dispatch.candidates(requestTargetOf(url).rawPath).length > 0,
    handle(incoming, stream, head) {
      // A hundred who come at once would be one turn of some fifty milliseconds, with all that their first messages ask for.
      turns.enter();
      if (turns.hasTime()) answer(incoming, stream, head);
      else {
        // Nobody else listens to it meanwhile.
        const cut = (): void => void stream.destroy();
        stream.once("error", cut);
        turns.wait(() => {
          stream.off("error", cut);
          if (!stream.destroyed) answer(incoming, stream, head);
        });
      }
    },
    drain() {
      draining = true;
    },
    terminate() {
      for (const socket of open) socket.terminate();
    },
    get connections() {
      return open.size;
    },
  };
}

/** What the upgrade selects of the subprotocols that were offered; never an entry with a token. */
function subprotocolFor(target: UpgradeTarget, { subprotocols }: UpgradeRequest): string | undefined {
  switch (target.kind) {
    case "native":
      return SUBPROTOCOL;
    case "endpoint":
      return subprotocols.find(
        (offer) =>
          target.endpoint.subprotocols?.includes(offer) && !offer.startsWith(BEARER_SUBPROTOCOL_PREFIX),
      );
    case "none":
      return undefined;
  }
}

/** `closeTimeout` and `maxPendingAutoPongs` are options of `ws` that its types do not list. */
function serverOptions(
  limits: TransportLimits,
  options: Pick<UpgradeOptions, "endpoints" | "compression">,
): ServerOptions & { closeTimeout: number; maxPendingAutoPongs: number } {
  const asked = options.endpoints.map((endpoint) => endpoint.messageBytesMax ?? 0);
  return {
    noServer: true,
    clientTracking: false,
    maxPayload: Math.max(limits.messageBytesMax, limits.messageBytesCeiling, ...asked),
    maxFragments: limits.fragmentsMax,
    maxBufferedChunks: limits.chunksMax,
    closeTimeout: limits.closeTimeoutMs,
    maxPendingAutoPongs: limits.pendingPongsMax,
    perMessageDeflate: options.compression
      ? { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: COMPRESSED_BYTES_MIN }
      : false,
  };
}
