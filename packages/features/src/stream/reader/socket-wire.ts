import type { WebSocketConstructor } from "@plexline/client";
import { closeAdvice, PlexlineError } from "@plexline/protocol";
import { type OpenWire, parseWireMessage, type WireEnd, withQuery } from "./wire.ts";

/** What browsers need to be answered with when a token is offered. */
const SUBPROTOCOL = "agent";
/** Tokens that a subprotocol may consist of; browsers refuse others, which go into the query. */
const OFFERABLE = /^[\w!#$%&'*+.^`|~-]+$/;
/** What the reason of a close begins with when the policy does not allow the transport. */
export const TRANSPORT_OFF = "TRANSPORT_OFF";
const PING = JSON.stringify({ type: "ping" });
/** Closes that say nothing about why: the run has ended, or the server has rotated. */
const NORMAL = 1_000;

/** Reads a run over a WebSocket, and writes to it. */
export function createSocketWire(url: URL, WebSocket: WebSocketConstructor): OpenWire {
  const socketUrl = new URL(url);
  socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
  return ({ query, token, ticket }, observer) => {
    const isOffered = token !== undefined && OFFERABLE.test(token);
    const asked = {
      ...{ type: "agent", ...query },
      ...(ticket === undefined ? {} : { ticket }),
      ...(token === undefined || isOffered ? {} : { token }),
    };
    const offers = isOffered ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL];
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
      const message = typeof data === "string" ? parseWireMessage(data) : null;
      // What is said before a refusal is no sign that it works; the answer to the ping is.
      if (message?.type !== "transport-policy") observer.onAlive();
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

function endOfClose(code: number, reason: string): WireEnd {
  const message = `The connection was closed with ${code}${reason === "" ? "" : ` ${reason}`}.`;
  if (reason.startsWith(TRANSPORT_OFF))
    return { kind: "off", error: new PlexlineError("OVERLOADED", { message }) };
  const advice = code === NORMAL ? "reconnect" : closeAdvice(code);
  if (advice === "new-token")
    return { kind: "token", error: new PlexlineError("TOKEN_INVALID", { message }) };
  if (advice === "stop") return { kind: "forbidden", error: new PlexlineError("FORBIDDEN", { message }) };
  return { kind: "lost", error: new PlexlineError("DISCONNECTED", { message }) };
}
