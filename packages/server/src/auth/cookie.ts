/**
 * Reads one cookie of a `Cookie` header. Values in double quotes are unwrapped and percent escapes decoded where they
 * are valid. A name that appears twice with different values counts as absent: one of the two was planted by a
 * neighbouring host or path, and there is no telling which.
 */
export function readCookie(header: string | undefined, name: string): string | undefined {
  let found: string | undefined;
  for (const pair of header?.split(";") ?? []) {
    const equals = pair.indexOf("=");
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    const value = decodeValue(pair.slice(equals + 1).trim());
    if (found !== undefined && found !== value) return undefined;
    found = value;
  }
  return found === "" ? undefined : found;
}

function decodeValue(raw: string): string {
  const value = raw.length >= 2 && raw.startsWith('"') && raw.endsWith('"') ? raw.slice(1, -1) : raw;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
