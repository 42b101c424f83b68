import type { Evidence } from "../checker.ts";

export function* checkState({ end }: Evidence): Generator<string> {
  if (end.unrest !== null) return;
  for (const { seats } of end.actors) {
    for (const { name, isWanted, channel } of seats) {
      if (!isWanted || name.topic !== "disk:1") continue;
      const payload = channel.state?.payload as { content: number } | undefined;
      if ((payload?.content ?? null) !== end.storedState)
        yield `${name.client}#${name.handle} has the state ${payload?.content}, stored is ${end.storedState}`;
    }
  }
}
