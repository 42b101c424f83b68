import { parseTopic } from "@plexline/protocol";
import { refuse } from "./failure.ts";

/** First part of the paths that are no streams [DS2]. */
export const CONTROL = "__ds";

/** The topic of a path: `runs/7` is the run `run:7`, anything else a plain stream. */
export function defaultTopic(path: string): string {
  const run = /^runs\/(.+)$/.exec(path);
  return run ? `run:${run[1]}` : `stream:${path}`;
}

/** The topic of a path; a path that makes none is 400 [DS2]. */
export function topicOf(path: string, topic: (path: string) => string): string {
  if (path === CONTROL || path.startsWith(`${CONTROL}/`))
    throw refuse(400, `Paths under ${CONTROL} are no streams.`, "Choose another first part of the path.");
  try {
    return parseTopic(topic(path), "The topic of the path");
  } catch {
    throw refuse(
      400,
      "No topic can be made of this path: it is too long, or has white space, control characters, *, >, { or }.",
      "Use letters, digits, -, _, . and /.",
    );
  }
}

/** The path of another stream that a header names, relative to the stream root or from the server's root. */
export function pathIn(text: string, prefix: string): string {
  let path = text;
  try {
    path = decodeURIComponent(text.split("?")[0] as string);
  } catch {
    throw refuse(400, "The path of the source is not well encoded.", "Encode it as in a URL.");
  }
  const from = `${prefix}/`;
  return path.startsWith(from) ? path.slice(from.length) : path.replace(/^\/+/, "");
}
