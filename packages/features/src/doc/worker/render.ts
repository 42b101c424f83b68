import { PlexlineError } from "@plexline/protocol";
import * as Y from "yjs";
import { encodeBase64 } from "../../encoding/base64.ts";
import type { RenderJob, RootType } from "./jobs.ts";

/** What the root of a document may be. */
type Root = Y.Text | Y.Array<unknown> | Y.Map<unknown> | Y.XmlFragment;

/**
 * Writes a document as JSON or as text, for people and programs without Yjs. Like `compact.ts` it runs in a thread of its
 * own: the content is foreign, and may be large and deep.
 *
 * An update does not say of what type a root is. What is not told is guessed by the first content that is left in it;
 * HTTP.md has the rule.
 */
export function render({ update, format, name, types }: RenderJob): string {
  const doc = new Y.Doc({ gc: true });
  try {
    Y.applyUpdate(doc, update);
    if (format === "text") return textOfRoot(doc, name, types.get(name));
    return jsonOf(doc, types);
  } finally {
    doc.destroy();
  }
}

function jsonOf(doc: Y.Doc, types: ReadonlyMap<string, RootType>): string {
  // Without a prototype, so that a root may have any name.
  const roots: Record<string, unknown> = Object.create(null);
  for (const name of [...doc.share.keys()].sort()) {
    const type = types.get(name) ?? guess(doc, name);
    if (type !== undefined) roots[name] = rootOf(doc, name, type).toJSON();
  }
  return JSON.stringify(roots, (_key, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    return value instanceof Uint8Array ? encodeBase64(value) : value;
  });
}

function textOfRoot(doc: Y.Doc, name: string, told: RootType | undefined): string {
  const type = told ?? guess(doc, name) ?? "text";
  if (type === "array" || type === "map") {
    throw new PlexlineError("PAYLOAD_INVALID", {
      message: `The root ${JSON.stringify(name)} is of type ${type}, which has no text.`,
      fix: "Name a root of type text or xml, or ask for json.",
    });
  }
  return textOf(rootOf(doc, name, type));
}

function rootOf(doc: Y.Doc, name: string, type: RootType): Root {
  if (type === "text") return doc.getText(name);
  if (type === "xml") return doc.getXmlFragment(name);
  return type === "array" ? doc.getArray(name) : doc.getMap(name);
}

/** Undefined where nothing is left that tells: all of it is deleted. */
function guess(doc: Y.Doc, name: string): RootType | undefined {
  const root = doc.share.get(name);
  for (let item = root?._start ?? null; item !== null; item = item.right) {
    if (item.deleted) continue;
    const { content } = item;
    if (content instanceof Y.ContentString || content instanceof Y.ContentFormat) return "text";
    if (content instanceof Y.ContentEmbed) return "text";
    return content instanceof Y.ContentType && isXml(content.type) ? "xml" : "array";
  }
  for (const item of root?._map.values() ?? []) if (!item.deleted) return "map";
  return undefined;
}

function isXml(type: unknown): boolean {
  return type instanceof Y.XmlElement || type instanceof Y.XmlText || type instanceof Y.XmlHook;
}

/** The text of a type and of all that it holds; each element that holds text is lines of its own. */
function textOf(type: unknown): string {
  if (type instanceof Y.Text) {
    const parts: readonly { readonly insert?: unknown }[] = type.toDelta();
    return parts.map(({ insert }) => (typeof insert === "string" ? insert : "")).join("");
  }
  if (!(type instanceof Y.XmlFragment)) return "";
  const lines: string[] = [];
  let isInLine = false;
  for (const child of type.toArray()) {
    const isText = child instanceof Y.XmlText;
    const text = textOf(child);
    if (isText && isInLine) lines[lines.length - 1] += text;
    else if (isText || text !== "") lines.push(text);
    isInLine = isText;
  }
  return lines.join("\n");
}
