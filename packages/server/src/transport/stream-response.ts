import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { bodySocketOf } from "../session/web-body.ts";
import { createResponseSink } from "./response-sink.ts";

/** What the adapter is answered once a response is written past it; it knows this header of its own. */
const ALREADY_SENT = { "x-hono-already-sent": "true" };
/** What Node decides itself for a body of unknown length. */
const HEADERS_OF_LENGTH = ["content-length", "transfer-encoding"];

/**
 * Writes a response whose body is a session's, if it is one: from now on the session's socket is this response. Returns what
 * the adapter is to be answered.
 */
export function takeOverStream(
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Response {
  const socket = bodySocketOf(response);
  if (socket === undefined) return response;
  outgoing.writeHead(response.status, headersOf(response));
  // A stream may be quiet for longer than whoever owns the server lets a socket be.
  outgoing.setTimeout(0);
  outgoing.socket?.setNoDelay(true);
  const hasEarly = socket.bufferedBytes > 0;
  socket.open((events) => createResponseSink(outgoing, events));
  if (incoming.method === "HEAD") outgoing.end();
  else if (!hasEarly && !outgoing.writableEnded) outgoing.flushHeaders();
  return new Response(null, { headers: ALREADY_SENT });
}

function headersOf(response: Response): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = Object.fromEntries(response.headers);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  for (const name of HEADERS_OF_LENGTH) delete headers[name];
  return headers;
}
