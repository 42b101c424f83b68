import { ContentDeleted, Item } from "yjs";
import type { Evidence } from "../checker.ts";
import type { LoggedUpdate, Range } from "../documents/log.ts";

export function* checkAuthorship({ history, end }: Evidence): Generator<string> {
  const { authors, userOfSession, forged } = history.documents;
  for (const [topic, log] of end.documents) {
    const clocks = new Map<number, number>();
    for (const logged of log) {
      const { offset, user, session } = logged;
      const at = `${topic}:${offset} of ${user}`;
      if (user === undefined) yield `${at} is nobody's`;
      const sender = userOfSession.get(session ?? "");
      if (sender !== undefined && sender !== user) yield `${at} came from ${sender}`;
      for (const { range, isFiller, text } of newStructs(logged, clocks)) {
        const { client, clock, length } = range;
        const author = authors.get(client);
        if (author === undefined || author.clock() < clock + length)
          yield `${at} has ${client}:${clock}+${length}, which nobody wrote`;
        // Others may bring what somebody wrote and the server lost: what it was, or that it has been deleted since.
        else if (author.user !== user && isFiller && !deletes(logged, range))
          yield `${at} hides ${client}:${clock}+${length} of ${author.user}`;
        for (const token of text)
          if (forged.has(token)) yield `${at} has what was forged in the name of ${author?.user}`;
      }
    }
  }
}

/** Structs that an entry brings, without what was there before; raises the clocks by them. */
function* newStructs({ structs }: LoggedUpdate, clocks: Map<number, number>) {
  for (const struct of structs) {
    const { client, clock } = struct.id;
    const start = Math.max(clock, clocks.get(client) ?? 0);
    const end = clock + struct.length;
    if (end <= start) continue;
    clocks.set(client, end);
    const content = struct instanceof Item ? struct.content : undefined;
    const text = content?.getContent().filter((item) => typeof item === "string") ?? [];
    const isFiller = content === undefined || content instanceof ContentDeleted;
    yield { range: { client, clock: start, length: end - start }, isFiller, text: text.join("") };
  }
}

function deletes({ deletions }: LoggedUpdate, { client, clock, length }: Range): boolean {
  return deletions.some(
    (range) =>
      range.client === client && range.clock <= clock && clock + length <= range.clock + range.length,
  );
}
