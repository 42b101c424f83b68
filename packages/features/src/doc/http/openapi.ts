import type { Answer, Route, Schema } from "./route.ts";

/** Errors that every route for which a token is needed may answer. */
export const COMMON_FAILURES: readonly number[] = [401, 429, 500, 503, 504];

const FAILURE_MEANS: Readonly<Record<number, string>> = {
  400: "The request cannot be read, or a parameter is out of range.",
  401: "No token, or one that is not taken.",
  403: "Not allowed, or there is no such document: the two look the same.",
  404: "The topics of this API are no documents.",
  409: "The document was replaced meanwhile.",
  413: "The body is too large.",
  415: "The body is of a type that is not taken.",
  422: "The document does not take the update; the code says why.",
  429: "Too much at once: come again after Retry-After.",
  500: "A fault of the server.",
  503: "The server cannot do it now: come again after Retry-After.",
  504: "A handler of the application took too long.",
};

const ERROR_SCHEMA: Schema = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "fix", "docs"],
      properties: {
        code: { type: "string", description: "Of the table in PROTOCOL.md." },
        message: { type: "string", description: "What happened." },
        fix: { type: "string", description: "What to do about it." },
        docs: { type: "string", description: "Where the code is described." },
        retryAfterMs: { type: "integer", minimum: 0 },
      },
    },
  },
};

/** Describes routes by OpenAPI 3.1. */
export function describeRoutes(routes: readonly Route[], prefix: string): Schema {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const route of routes) {
    const path = prefix + route.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describe(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Plexline documents",
      version: "1",
      summary: "Reads and writes Yjs documents over HTTP.",
    },
    security: [{ bearer: [] }],
    paths,
    components: {
      schemas: { Error: ERROR_SCHEMA },
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
  };
}

function describe(route: Route): Schema {
  const names = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1]);
  const parameters = [
    ...names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
    ...(route.query ?? []).map((parameter) => ({ in: "query", ...parameter })),
  ];
  const failures = route.isOpen ? route.failures : [...route.failures, ...COMMON_FAILURES];
  return {
    operationId: route.id,
    summary: route.summary,
    ...(route.isOpen ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: { required: true, content: contentOf(route.body) } }),
    responses: Object.fromEntries([
      ...Object.entries(route.answers).map(([status, answer]) => [status, describeAnswer(answer)]),
      ...failures.map((status) => [status, describeFailure(status)]),
    ]),
  };
}

function describeAnswer({ description, content, headers = {} }: Answer): Schema {
  const described = Object.entries(headers).map(([name, text]) => [
    name,
    { description: text, schema: { type: "string" } },
  ]);
  return {
    description,
    ...(described.length === 0 ? {} : { headers: Object.fromEntries(described) }),
    ...(content === undefined ? {} : { content: contentOf(content) }),
  };
}

function describeFailure(status: number): Schema {
  return {
    description: FAILURE_MEANS[status] ?? "An error.",
    content: contentOf({ "application/json": { $ref: "#/components/schemas/Error" } }),
  };
}

function contentOf(schemas: Readonly<Record<string, Schema>>): Schema {
  return Object.fromEntries(Object.entries(schemas).map(([type, schema]) => [type, { schema }]));
}
