import type { Evidence } from "../checker.ts";
import { SERVER } from "../history.ts";

export function* checkRest({ history, end }: Evidence): Generator<string> {
  if (end.unrest !== null) yield `it did not become quiet: ${end.unrest}`;
  for (const { id, client, topic, outcome } of history.publications)
    if (outcome === null && client !== SERVER)
      yield `publication ${id} of ${client} to ${topic} never settled`;
  for (const reason of end.unhandled)
    yield `nobody heard of ${reason instanceof Error ? reason.stack : String(reason)}`;
}
