import { PlexlineError, parseTopic } from "@plexline/protocol";
import type { Exchange, Route } from "./route.ts";
import { DOCUMENTS } from "./schemas.ts";
import { answerJson } from "./writing.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;

export const listDocuments: Route = {
  id: "listDocuments",
  method: "GET",
  path: "",
  summary: "Lists the documents that the caller may read, in the order of their ids.",
  query: [
    { name: "after", description: "The id after which to begin.", schema: { type: "string" } },
    {
      name: "limit",
      description: `Documents of one page. Default ${LIMIT_DEFAULT}.`,
      schema: { type: "integer", minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT },
    },
  ],
  answers: { 200: { description: "One page.", content: { "application/json": DOCUMENTS } } },
  failures: [400, 403],
  async answer({ context, query, settings }) {
    const { topicPrefix } = settings;
    const after = query.get("after");
    const page = await context.topics(topicPrefix, {
      limit: parseLimit(query.get("limit")),
      ...(after === null ? {} : { after: parseTopic(topicPrefix + after, "after") }),
    });
    const documents = page.topics.map(({ topic, tenant, owner, operations, position }) => ({
      id: topic.slice(topicPrefix.length),
      tenant,
      owner,
      access: operations.includes("publish") ? "write" : "read",
      position,
    }));
    return answerJson(200, {
      documents,
      next: page.next === null ? null : page.next.slice(topicPrefix.length),
    });
  },
};

export const readDescription: Route = {
  id: "readDescription",
  method: "GET",
  path: "/openapi.json",
  summary: "Answers this description.",
  isOpen: true,
  answers: { 200: { description: "OpenAPI 3.1.", content: { "application/json": { type: "object" } } } },
  failures: [],
  answer: async ({ settings }: Exchange) =>
    new Response(settings.description, { headers: { "Content-Type": "application/json" } }),
};

function parseLimit(text: string | null): number {
  if (text === null) return LIMIT_DEFAULT;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LIMIT_MAX) return limit;
  throw new PlexlineError("PAYLOAD_INVALID", { message: `limit must be a number from 1 to ${LIMIT_MAX}.` });
}
