import { PlexlineError, parseJson } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { decodeText, mediaTypeOf, readBody } from "../../../http/body.ts";
import { HttpRefusal } from "../../../http/failure.ts";
import { inSession } from "../../../http/request-session.ts";
import { type Order, parseOrder } from "../run/order.ts";
import { appendAll, type Done, RunWriter } from "../run/writer.ts";
import type { StreamExchange } from "./exchange.ts";
import { failureResponse } from "./failure.ts";
import { asMessage, DEPTH_MAX, MESSAGE_BYTES_MAX, orderMessageOf, type SessionMessage } from "./message.ts";

const MESSAGES_MAX = 1_000;

/**
 * Carries out the messages of a body, in their order, until one is refused [SE13]. The answer says what became of those
 * before it.
 */
export async function answerPost(exchange: StreamExchange): Promise<Response> {
  const orders = (await readMessages(exchange)).map((message) => parseOrder(orderMessageOf(message)));
  return inSession(exchange, async (session) => {
    const results: Done[] = [];
    try {
      for (const group of groupsOf(orders)) results.push(...(await carryOut(session, exchange.topic, group)));
    } catch (reason) {
      if (!(reason instanceof PlexlineError) || results.length === 0) throw reason;
      return failureResponse(reason, { results });
    }
    return Response.json({ results }, { headers: { "Cache-Control": "no-store" } });
  });
}

async function carryOut(
  session: EndpointSession,
  topic: string,
  group: readonly Order[],
): Promise<readonly Done[]> {
  const chunks = group.flatMap((order) => (order.kind === "chunk" ? [order.chunk] : []));
  if (group.length > 1) return appendAll(session, topic, chunks);
  return Promise.all(group.map((order) => new RunWriter(session, topic).write(order)));
}

/** Chunks that follow each other and have no id become one commit; all else is carried out by itself. */
function groupsOf(orders: readonly Order[]): readonly (readonly Order[])[] {
  const groups: Order[][] = [];
  let open: Order[] | null = null;
  for (const order of orders) {
    const joins = order.kind === "chunk" && order.id === undefined;
    if (joins && open) open.push(order);
    else groups.push([order]);
    open = joins ? (groups.at(-1) ?? null) : null;
  }
  return groups;
}

async function readMessages({ request, sessionId }: StreamExchange): Promise<readonly SessionMessage[]> {
  if (mediaTypeOf(request) !== "application/json")
    throw new HttpRefusal(415, "OPERATION_UNSUPPORTED", {
      message: "The body must be JSON.",
      fix: "Send Content-Type: application/json.",
    });
  const value = parseJson(await readText(request), { depthMax: DEPTH_MAX });
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0 || values.length > MESSAGES_MAX)
    throw new PlexlineError("PAYLOAD_INVALID", { message: `Send 1 to ${MESSAGES_MAX} messages.` });
  return values.map((each) => {
    const message = asMessage(each);
    if (message.sessionId !== undefined && message.sessionId !== sessionId)
      throw new PlexlineError("PAYLOAD_INVALID", {
        message: "A message names another session than the query.",
        fix: "Send the messages of one session at once, and leave sessionId out or repeat it.",
      });
    return message;
  });
}

async function readText(request: Request): Promise<string> {
  const text = decodeText(await readBody(request, { bytesMax: MESSAGE_BYTES_MAX }));
  if (text !== null) return text;
  throw new PlexlineError("MALFORMED_MESSAGE", { message: "The body is not UTF-8." });
}
