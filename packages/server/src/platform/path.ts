/** A compiled endpoint path. */
export interface Path {
  /** As it was written, e.g. `/ws/portal-view/:portalViewId`. */
  readonly source: string;
  readonly parts: readonly PathPart[];
}

type PathPart =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "rest" };

/** Values of the `:name` parts, and of `*` under that name. */
export type PathParams = Readonly<Record<string, string>>;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const RANK = { literal: 0, name: 1, rest: 2 } as const;

/**
 * Compiles a path with `:name` parts and an optional final `*`, which stands for one part or more.
 *
 * @throws TypeError for a path that does not start with `/`, repeats a name, or has `*` elsewhere than at its end.
 * @example
 * matchPath(compilePath("/yjs/*"), "/yjs/team/plan%201"); // { "*": "team/plan 1" }
 */
export function compilePath(source: string): Path {
  if (!source.startsWith("/")) throw new TypeError(`The path ${JSON.stringify(source)} must start with "/".`);
  const texts = source.slice(1).split("/");
  const names = new Set<string>();
  const parts = texts.map((text, index): PathPart => {
    if (text === "*") {
      if (index !== texts.length - 1) throw new TypeError(`In the path ${source}, * must be the last part.`);
      return { kind: "rest" };
    }
    if (!text.startsWith(":")) {
      if (text.includes("*")) throw new TypeError(`In the path ${source}, * must be a whole part.`);
      return { kind: "literal", text };
    }
    const name = text.slice(1);
    if (!NAME.test(name) || names.has(name))
      throw new TypeError(`In the path ${source}, ${text} is not a new name.`);
    names.add(name);
    return { kind: "name", name };
  });
  return { source, parts };
}

/**
 * Matches a path as it came in the request, still percent-encoded and without query. Parts are split before they are
 * decoded, so that an encoded slash stays inside its part. Answers null for no match, bad encoding included.
 */
export function matchPath(path: Path, rawPath: string): PathParams | null {
  const texts = decodePath(rawPath);
  if (texts === null) return null;
  const params: Record<string, string> = Object.create(null);
  for (const [index, part] of path.parts.entries()) {
    const text = texts[index];
    if (text === undefined) return null;
    if (part.kind === "literal") {
      if (text !== part.text) return null;
      continue;
    }
    if (text === "") return null;
    if (part.kind === "rest") {
      params["*"] = texts.slice(index).join("/");
      return params;
    }
    params[part.name] = text;
  }
  return texts.length === path.parts.length ? params : null;
}

/** The decoded parts of a request's path, or null if it is not a well-formed absolute path. */
export function decodePath(rawPath: string): string[] | null {
  if (!rawPath.startsWith("/")) return null;
  try {
    return rawPath.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return null; // decodeURIComponent throws for a lone % and for bytes that are not UTF-8
  }
}

/** Orders the more specific path first: literal before `:name` before `*`, part by part; 0 for paths of one shape. */
export function comparePaths(left: Path, right: Path): number {
  const shared = Math.min(left.parts.length, right.parts.length);
  for (let index = 0; index < shared; index++) {
    const difference = RANK[left.parts[index]!.kind] - RANK[right.parts[index]!.kind];
    if (difference !== 0) return difference;
  }
  return right.parts.length - left.parts.length;
}
