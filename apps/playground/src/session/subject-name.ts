const SUBJECT_LENGTH_MAX = 48;

/**
 * Turns typed text into the last part of a topic: spaces become dashes, what a topic or a path may not hold goes away.
 *
 * @example
 * parseSubjectName(" team  blue>*", "lobby") // "team-blue"
 */
export function parseSubjectName(text: string, fallback: string): string {
  const name = text
    .trim()
    .replace(/\s+/g, "-")
    .replace(/[^\p{L}\p{N}._-]/gu, "")
    // A path would take "." and ".." for directories.
    .replace(/^\.+/, "");
  return Array.from(name).slice(0, SUBJECT_LENGTH_MAX).join("") || fallback;
}
