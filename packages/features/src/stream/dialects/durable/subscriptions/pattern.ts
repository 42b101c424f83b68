/** Whether a path matches a pattern: `*` is one part of it, `**` any number of parts, none included. */
export function matchesPattern(pattern: string, path: string): boolean {
  return matches(pattern.split("/"), path.split("/"));
}

/** What all paths of a pattern begin with. */
export function literalPrefix(pattern: string): string {
  const parts = pattern.split("/");
  const first = parts.findIndex((part) => part.includes("*"));
  return first === -1
    ? pattern
    : parts
        .slice(0, first)
        .map((part) => `${part}/`)
        .join("");
}

/** Part by part from the left; `reached` are the numbers of parts of the path that the pattern so far may stand for. */
function matches(pattern: readonly string[], path: readonly string[]): boolean {
  let reached = new Set([0]);
  for (const part of pattern) {
    const next = new Set<number>();
    for (const at of reached) {
      if (part === "**") for (let end = at; end <= path.length; end += 1) next.add(end);
      else if (at < path.length && (part === "*" || part === path[at])) next.add(at + 1);
    }
    reached = next;
  }
  return reached.has(path.length);
}
