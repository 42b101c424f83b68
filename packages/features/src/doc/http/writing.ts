import { PlexlineError } from "@plexline/protocol";
import { encodeBase64 } from "../../encoding/base64.ts";
import { inSession } from "../../http/request-session.ts";
import { EVENT_DATA_BYTES_MAX } from "../protocol.ts";
import { readObject, readUpdate } from "./body.ts";
import { topicOf } from "./reading.ts";
import type { Route } from "./route.ts";
import { AGENT_CHANGE_BODY, objectOf, POSITION, TRUTH, UPDATE_BODY } from "./schemas.ts";
import { visitDocument } from "./visit.ts";

/** The data of an agent change with the JSON around it; every character of it may be escaped. */
const AGENT_CHANGE_BYTES_MAX = 6 * EVENT_DATA_BYTES_MAX + 1_024;
const AGENT_CHANGE = /^agent-change-[a-z0-9-]+$/;

export const appendUpdate: Route = {
  id: "appendUpdate",
  method: "POST",
  path: "/:id/updates",
  summary: "Adds an update to a document; answers when it is durable.",
  body: UPDATE_BODY,
  answers: {
    200: {
      description: "The document has it, and it is on disk.",
      content: { "application/json": objectOf({ position: POSITION, known: TRUTH }) },
    },
  },
  failures: [400, 403, 404, 409, 413, 415, 422],
  answer: (exchange) =>
    inSession(exchange, async (session, end) => {
      const { request, settings } = exchange;
      const topic = topicOf(exchange);
      const update = await readUpdate(request, settings.updateBytesMax);
      const visit = await visitDocument(session, topic, end, settings.worker());
      if (!visit.mayWrite) throw new PlexlineError("FORBIDDEN");
      return answerJson(200, await visit.append(update));
    }),
};

export const seedDocument: Route = {
  id: "seedDocument",
  method: "PUT",
  path: "/:id/seed",
  summary: "Writes the first content of a document, unless something was ever written in it.",
  body: UPDATE_BODY,
  answers: {
    201: {
      description: "It is the first content.",
      content: { "application/json": objectOf({ seeded: TRUTH }) },
    },
    200: {
      description: "There was something already; nothing was changed.",
      content: { "application/json": objectOf({ seeded: TRUTH }) },
    },
  },
  failures: [400, 403, 404, 413, 415, 422],
  answer: (exchange) =>
    inSession(exchange, async (session) => {
      const { request, settings } = exchange;
      const topic = topicOf(exchange);
      const update = await readUpdate(request, settings.seedBytesMax);
      const { output } = await session.call(topic, "seed", { update: encodeBase64(update) });
      const seeded =
        typeof output === "object" && output !== null && "seeded" in output && output.seeded === true;
      return answerJson(seeded ? 201 : 200, { seeded });
    }),
};

export const deleteDocument: Route = {
  id: "deleteDocument",
  method: "DELETE",
  path: "/:id",
  summary: "Ends the history of a document, for its owner, services and administrators; the record stays.",
  answers: { 204: { description: "The document is empty, and another one than before." } },
  failures: [400, 403, 404],
  async answer(exchange) {
    await exchange.context.reset(topicOf(exchange));
    return new Response(null, { status: 204 });
  },
};

export const relayAgentChange: Route = {
  id: "relayAgentChange",
  method: "POST",
  path: "/:id/agent-changes",
  summary: "Tells everybody who has the document open what an agent does; nothing is stored.",
  body: AGENT_CHANGE_BODY,
  answers: {
    202: {
      description: "It is on its way to whoever is there.",
      content: { "application/json": objectOf({ relayed: TRUTH }) },
    },
  },
  failures: [400, 403, 404, 409, 413, 415],
  answer: (exchange) =>
    inSession(exchange, async (session, end) => {
      const topic = topicOf(exchange);
      const { type, data = null } = await readObject(exchange.request, AGENT_CHANGE_BYTES_MAX);
      if (typeof type !== "string" || !AGENT_CHANGE.test(type)) throw noAgentChange();
      const visit = await visitDocument(session, topic, end, exchange.settings.worker());
      await visit.notify({ name: type, data });
      return answerJson(202, { relayed: true });
    }),
};

/** An answer that is about this moment. */
export function answerJson(status: number, value: unknown): Response {
  return Response.json(value, { status, headers: { "Cache-Control": "no-store" } });
}

function noAgentChange(): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", {
    message: "type must be agent-change- and lower-case letters, digits and hyphens.",
    fix: 'Send { "type": "agent-change-applied", "data": … }.',
  });
}
