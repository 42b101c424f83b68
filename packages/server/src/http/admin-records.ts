import { type ErrorCode, PlexlineError, parseTopic } from "@plexline/protocol";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { Authenticator } from "../auth/authenticator.ts";
import { findCredentials } from "../auth/credentials.ts";
import { isObject } from "../auth/principal-parser.ts";
import { parseRecord } from "../auth/record.ts";
import type { RecordStore } from "../auth/records.ts";
import type { Revocations } from "../auth/revocation.ts";
import type { UpgradeRequest } from "../platform/request.ts";

export interface AdminRecordsOptions {
  readonly records: RecordStore;
  readonly revocations: Pick<Revocations, "revokePrincipal" | "revokeToken">;
  /** Knows administrators: `staticTokens` with the ADMIN_TOKEN. Only `Authorization: Bearer` is handed to it. */
  readonly authenticate: Authenticator;
}

/** Largest request body, in bytes. */
export const ADMIN_BODY_BYTES_MAX = 64 * 1024;
const LIST_LIMIT_MAX = 1_000;

const STATUS: Partial<Record<ErrorCode, 400 | 401 | 403 | 404 | 413 | 503>> = {
  MALFORMED_MESSAGE: 400,
  PAYLOAD_INVALID: 400,
  TOPIC_INVALID: 400,
  TOKEN_MISSING: 401,
  TOKEN_INVALID: 401,
  TOKEN_EXPIRED: 401,
  FORBIDDEN: 403,
  TOPIC_UNKNOWN: 404,
  OPERATION_UNSUPPORTED: 404,
  MESSAGE_TOO_LARGE: 413,
  STORAGE_UNAVAILABLE: 503,
  OVERLOADED: 503,
};

/**
 * The admin API over resource records and revocations, to be mounted under `/api/admin`:
 *
 * - `GET /records?after=<topic>&limit=<n>` → `{ records, next }`; `next` is the `after` of the following page, or null
 * - `GET | PUT | DELETE /records/<topic, percent-encoded>`
 * - `POST /revocations` with `{ tenant, id }`, or `{ tenant, id, jti }` for one token
 *
 * Every error is `{ error: { code, message, fix } }`.
 */
export function adminRecords({ records, revocations, authenticate }: AdminRecordsOptions): Hono {
  const app = new Hono();
  app.use("*", requireAdmin(authenticate));

  app.get("/records", async (context) => {
    const limit = parseLimit(context.req.query("limit"));
    const after = context.req.query("after");
    const page = await records.list({ ...(after === undefined ? {} : { after }), limit });
    return context.json({ records: page, next: page.length < limit ? null : (page.at(-1)?.topic ?? null) });
  });
  app.get("/records/:topic", async (context) => {
    const record = await records.get(topicOf(context));
    if (record === null) throw noRecord();
    return context.json(record);
  });
  app.put("/records/:topic", async (context) => {
    const topic = topicOf(context);
    const body = await readBody(context.req.raw);
    if (body.topic !== undefined && body.topic !== topic) throw otherTopic();
    const record = parseRecord({ ...body, topic });
    await records.set(record);
    return context.json(record);
  });
  app.delete("/records/:topic", async (context) => {
    if (!(await records.delete(topicOf(context)))) throw noRecord();
    return context.body(null, 204);
  });
  app.post("/revocations", async (context) => {
    const { tenant, id, jti } = await readBody(context.req.raw);
    if (typeof tenant !== "string" || typeof id !== "string") throw incomplete();
    if (jti !== undefined && typeof jti !== "string") throw incomplete();
    if (jti === undefined) await revocations.revokePrincipal({ tenant, id });
    else await revocations.revokeToken({ tenant, id, jti });
    return context.body(null, 204);
  });

  // Not `notFound`, which counts for the outermost app only.
  app.all("*", (context) => answerError(context, noSuchPath()));
  app.onError((error, context) => answerError(context, PlexlineError.from(error)));
  return app;
}

function requireAdmin(authenticate: Authenticator): MiddlewareHandler {
  return async (context, next) => {
    const request = requestOf(context);
    const principal = await authenticate
      .authenticate(findCredentials(request, { cookie: "", originAllowed: false }))
      .catch((error: unknown) => {
        throw PlexlineError.from(error, "TOKEN_INVALID");
      });
    if (principal.kind !== "admin") throw new PlexlineError("FORBIDDEN");
    await next();
  };
}

function requestOf(context: Context): UpgradeRequest {
  return {
    method: context.req.method,
    path: context.req.path,
    query: new URLSearchParams(),
    headers: context.req.header(),
    subprotocols: [],
    remoteAddress: "",
    params: {},
  };
}

/** Hono has decoded the parameter once. */
function topicOf(context: Context): string {
  return parseTopic(context.req.param("topic"), "topic");
}

async function readBody(request: Request): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > ADMIN_BODY_BYTES_MAX) throw new PlexlineError("MESSAGE_TOO_LARGE");
    chunks.push(chunk);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw notAnObject();
  }
  if (!isObject(value)) throw notAnObject();
  return value;
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return 100;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LIST_LIMIT_MAX) return limit;
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: `limit must be a number from 1 to ${LIST_LIMIT_MAX}.`,
  });
}

function answerError(context: Context, error: PlexlineError): Response {
  const status = STATUS[error.code] ?? 500;
  if (status === 401) context.header("WWW-Authenticate", "Bearer");
  const { code, message, fix } = error.toBody();
  return context.json({ error: { code, message, fix } }, status);
}

function notAnObject(): PlexlineError {
  return new PlexlineError("MALFORMED_MESSAGE", {
    message: "The body must be one JSON object.",
    fix: "Send JSON.",
  });
}

function noRecord(): PlexlineError {
  return new PlexlineError("TOPIC_UNKNOWN", {
    message: "The topic has no resource record.",
    fix: "PUT one to this address, and percent-encode the topic.",
  });
}

function otherTopic(): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", {
    message: "topic in the body is not the topic of the address.",
    fix: "Leave topic out of the body; a record cannot be renamed.",
  });
}

function incomplete(): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", {
    message: "tenant and id must be strings, and jti if it is given.",
    fix: 'Send { "tenant": "acme", "id": "ada" }.',
  });
}

function noSuchPath(): PlexlineError {
  return new PlexlineError("OPERATION_UNSUPPORTED", {
    message: "The admin API has nothing at this path.",
    fix: "Use /records, /records/<topic, percent-encoded> or /revocations.",
  });
}
