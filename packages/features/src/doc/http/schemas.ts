import type { Schema } from "./route.ts";

/** An object of which all these properties are there. */
export function objectOf(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: "object", required: Object.keys(properties), properties };
}

export const TEXT: Schema = { type: "string" };
export const TRUTH: Schema = { type: "boolean" };
/** Bytes as they are: OpenAPI 3.1 gives them no type. */
export const BYTES: Schema = {};

export const POSITION: Schema = objectOf({ epoch: TEXT, offset: { type: "integer", minimum: 0 } });

export const DOCUMENTS: Schema = objectOf({
  documents: {
    type: "array",
    items: objectOf({
      id: TEXT,
      tenant: TEXT,
      owner: { type: ["string", "null"] },
      access: { enum: ["write", "read"] },
      position: { anyOf: [POSITION, { type: "null" }] },
    }),
  },
  next: { type: ["string", "null"], description: "The `after` of the next page; null after the last one." },
});

/** An update in a body, in its two forms. */
export const UPDATE_BODY: Readonly<Record<string, Schema>> = {
  "application/octet-stream": BYTES,
  "application/json": objectOf({ update: { type: "string", contentEncoding: "base64" } }),
};

export const AGENT_CHANGE_BODY: Readonly<Record<string, Schema>> = {
  "application/json": objectOf({
    type: { type: "string", pattern: "^agent-change-[a-z0-9-]+$", maxLength: 64 },
    data: { description: "Any JSON of at most 16 KiB." },
  }),
};
