import { type Position, parseTopic } from "@plexline/protocol";
import { inSession } from "../../http/request-session.ts";
import { attachmentOf, type Format, formatOf, MEDIA_TYPE, rootTypesOf } from "./format.ts";
import type { Answer, Exchange, Route } from "./route.ts";
import { BYTES, TEXT } from "./schemas.ts";
import { visitDocument } from "./visit.ts";

/** The root whose text is answered when none is named. */
const TEXT_ROOT = "content";

const QUERY: NonNullable<Route["query"]> = [
  {
    name: "format",
    description: "Default: what Accept asks for, else update.",
    schema: { enum: ["update", "json", "text"] },
  },
  { name: "name", description: `The root whose text it is. Default ${TEXT_ROOT}.`, schema: TEXT },
  {
    name: "types",
    description: "Types of roots that are not to be guessed, e.g. content:text,meta:map.",
    schema: TEXT,
  },
];

const CONTENT: NonNullable<Answer["content"]> = {
  [MEDIA_TYPE.update]: BYTES,
  [MEDIA_TYPE.json]: { type: "object" },
  "text/plain": TEXT,
};

export const readDocument: Route = {
  id: "readDocument",
  method: "GET",
  path: "/:id",
  summary: "Answers a document as a Yjs update, as JSON or as text.",
  query: QUERY,
  answers: {
    200: {
      description: "The document.",
      content: CONTENT,
      headers: { ETag: "Its position in the log, epoch and offset." },
    },
    304: { description: "It has not changed since the position in If-None-Match." },
  },
  failures: [400, 403, 404, 409],
  answer: (exchange) =>
    answerDocument(exchange, formatOf(exchange.query, exchange.request.headers.get("accept"))),
};

export const exportDocument: Route = {
  id: "exportDocument",
  method: "GET",
  path: "/:id/export",
  summary: "Answers a document as a file to keep.",
  query: QUERY,
  answers: {
    200: {
      description: "The document.",
      content: CONTENT,
      headers: { "Content-Disposition": "attachment, with a file name.", ETag: "Its position in the log." },
    },
    304: { description: "It has not changed since the position in If-None-Match." },
  },
  failures: [400, 403, 404, 409],
  answer: (exchange) => {
    // A link in a page asks for what browsers like to show, which says nothing about the file that is wanted.
    const format = formatOf(exchange.query, null);
    return answerDocument(exchange, format, {
      "Content-Disposition": attachmentOf(exchange.context.params.id ?? "", format),
    });
  },
};

/** The topic of the document that a request is about. Throws TOPIC_INVALID. */
export function topicOf({ context, settings }: Exchange): string {
  return parseTopic(settings.topicPrefix + (context.params.id ?? ""), "The document's topic");
}

async function answerDocument(
  exchange: Exchange,
  format: Format,
  more: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { request, query, settings } = exchange;
  const topic = topicOf(exchange);
  const types = rootTypesOf(query);
  return inSession(exchange, async (session, end) => {
    const visit = await visitDocument(session, topic, end, settings.worker());
    const etag = etagOf(visit.position);
    const headers = { ETag: etag, "Cache-Control": "private, no-cache", Vary: "Accept" };
    if (isKnown(request.headers.get("if-none-match"), etag))
      return new Response(null, { status: 304, headers });
    const update = await visit.read();
    const name = query.get("name") ?? TEXT_ROOT;
    const body =
      format === "update"
        ? (update as Uint8Array<ArrayBuffer>) // No buffer of the server's is a shared one.
        : await settings.worker().render({ update, format, name, types });
    return new Response(body, { headers: { ...headers, "Content-Type": MEDIA_TYPE[format], ...more } });
  });
}

/** The position that the answer has at least: what was durable when the document was opened [DH4]. */
function etagOf({ epoch, offset }: Position): string {
  return `"${epoch}:${offset}"`;
}

function isKnown(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  return ifNoneMatch.split(",").some((one) => {
    const tag = one.trim().replace(/^W\//, "");
    return tag === etag || tag === "*";
  });
}
