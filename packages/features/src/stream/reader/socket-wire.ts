import type { WebSocketConstructor } from "@plexline/client";
import { PlexlineError } from "@plexline/protocol";
import { type OpenWire, parseWireMessage, type WireEnd, withQuery } from "./wire.ts";

/** What browsers need to be answered with when a token is offered. */
const SUBPROTOCOL = "agent";
/** What the policy closes with: at once when it does not allow the transport, and what was open when it changed. */
const OFF = "TRANSPORT_OFF";
const MAY_COME_BACK_FROM = 4_500;
/** Close codes of the application's range after which nothing will have changed. */
const MAY_NOT_COME_BACK_FROM = 4_400;
const UNAUTHORIZED = 4_401;
const TRY_AGAIN = new Set([4_408, 4_425, 4_429]);
const MALFORMED = new Set([1_002, 1_003, 1_007, 1_008, 1_009]);

/** Reads a run over a WebSocket, and writes to it. */
export function createSocketWire(url: URL, WebSocket: WebSocketConstructor): OpenWire {
  const socketUrl = new URL(url);
  socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
  return ({ query, token, ticket }, observer) => {
    const asked = { type: "agent", ...query, ...(ticket === undefined ? {} : { ticket }) };
    const offers = token === undefined ? [SUBPROTOCOL] : [SUBPROTOCOL, `bearer.${token}`];
    const socket = new WebSocket(withQuery(socketUrl, asked).href, offers);
    let isOver = false;
    let isOpen = false;
    socket.onopen = () => {
      isOpen = true;
      // Whether it is open is known when something has come: a proxy may take a connection and pass nothing on.
      if (!isOver) socket.send(PING);
    };
    socket.onmessage = ({ data }) => {
      if (isOver) return;
      observer.onAlive();
      const message = typeof data === "string" ? parseWireMessage(data) : null;
      if (message !== null && message.type !== "pong") observer.onMessage(message);
    };
    socket.onerror = () => {
      // The close that follows says as much.
    };
    socket.onclose = ({ code, reason }) => {
      if (isOver) return;
      isOver = true;
      observer.onEnd(endOfClose(code, reason));
    };
    return {
      send(message) {
        if (isOpen && !isOver) socket.send(JSON.stringify(message));
      },
      close() {
        isOver = true;
        socket.close(1_000, "");
      },
    };
  };
}

const PING = JSON.stringify({ type: "ping" });

function endOfClose(code: number, reason: string): WireEnd {
  const message = `The connection was closed with ${code}${reason === "" ? "" : ` ${reason}`}.`;
  const told = (kind: WireEnd["kind"], error: PlexlineError): WireEnd => ({ kind, error });
  if (reason.startsWith(OFF)) return told("off", new PlexlineError("OVERLOADED", { message }));
  if (code === UNAUTHORIZED) return told("token", new PlexlineError("TOKEN_INVALID", { message }));
  const isOfApplication = code >= MAY_NOT_COME_BACK_FROM && code < MAY_COME_BACK_FROM && !TRY_AGAIN.has(code);
  if (isOfApplication || MALFORMED.has(code)) return told("forbidden", new PlexlineError("FORBIDDEN", { message }));
  return told("lost", new PlexlineError("DISCONNECTED", { message }));
}
