import { PlexlineError } from "@plexline/protocol";
import type { RootType } from "../worker/jobs.ts";

/** What a document may be answered as. */
export type Format = "update" | "json" | "text";

export const MEDIA_TYPE: Readonly<Record<Format, string>> = {
  update: "application/octet-stream",
  json: "application/json",
  text: "text/plain; charset=utf-8",
};

const FORMAT_OF: Readonly<Record<string, Format>> = {
  "application/octet-stream": "update",
  "application/json": "json",
  "text/plain": "text",
};
const EXTENSION: Readonly<Record<Format, string>> = { update: "yjs", json: "json", text: "txt" };

const ROOT_TYPES: readonly string[] = ["text", "array", "map", "xml"] satisfies RootType[];
/** Roots whose types one request may tell. */
const TYPES_MAX = 256;

/** The format that a request asks for: by `format`, else by the first of `Accept` that there is, else `update` [DH5]. */
export function formatOf(query: URLSearchParams, accept: string | null): Format {
  const named = query.get("format");
  if (named !== null) {
    if (named === "update" || named === "json" || named === "text") return named;
    throw invalid("format must be update, json or text.");
  }
  for (const type of preferred(accept ?? "")) {
    const format = Object.hasOwn(FORMAT_OF, type) ? FORMAT_OF[type] : undefined;
    if (format !== undefined) return format;
    if (type === "*/*") return "update";
  }
  return "update";
}

/** Media types, the most wanted first; of equally wanted ones the first. What is not wanted at all is left out. */
function preferred(accept: string): readonly string[] {
  return accept
    .split(",")
    .map((range) => {
      const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
      const quality = parameters.find((parameter) => parameter.startsWith("q="));
      return { type, quality: quality === undefined ? 1 : Number(quality.slice(2)) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ type }) => type);
}

/** Types of roots as `types` tells them: `content:text,meta:map`, names percent-encoded where they hold `,`, `:` or `%`. */
export function rootTypesOf(query: URLSearchParams): ReadonlyMap<string, RootType> {
  const told = query.get("types") ?? "";
  const types = new Map<string, RootType>();
  for (const one of told === "" ? [] : told.split(",", TYPES_MAX + 1)) {
    const [name, type, more] = one.split(":");
    if (name === undefined || type === undefined || more !== undefined || !isRootType(type))
      throw invalid(
        "types must be a list such as content:text,meta:map of the types text, array, map and xml.",
      );
    types.set(decoded(name), type);
  }
  if (types.size > TYPES_MAX) throw invalid(`types must name at most ${TYPES_MAX} roots.`);
  return types;
}

/** `Content-Disposition` of a document as a file: in plain ASCII for old clients, and as it is called [DH6]. */
export function attachmentOf(id: string, format: Format): string {
  const name = `${id}.${EXTENSION[format]}`;
  const plain = name.replace(/[^A-Za-z0-9._-]/g, "_");
  // encodeURIComponent leaves these, which RFC 8187 does not.
  const exact = encodeURIComponent(name).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}

function isRootType(text: string): text is RootType {
  return ROOT_TYPES.includes(text);
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw invalid("A name in types is not well percent-encoded.");
  }
}

function invalid(message: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", { message, fix: "See /openapi.json beside the documents." });
}
