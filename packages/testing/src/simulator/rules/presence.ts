import type { Evidence } from "../checker.ts";
import { TOPICS } from "../topics.ts";

export function* checkPresence({ end }: Evidence): Generator<string> {
  if (end.unrest !== null) return;
  for (const topic of TOPICS) {
    const there = end.actors.flatMap((actor) => {
      const state = actor.presenceIn(topic);
      const id = actor.client.welcome?.sessionId;
      return state === null ? [] : [`${actor.settings.name} as ${id} with ${state}`];
    });
    const nameOfSession = new Map(
      end.actors.map(({ client, settings }) => [client.welcome?.sessionId, settings.name]),
    );
    for (const { seats } of end.actors) {
      for (const { name, isWanted, channel } of seats) {
        if (!isWanted || name.topic !== topic) continue;
        const seen = channel.presence.members.map(
          ({ id, state }) =>
            `${nameOfSession.get(id) ?? "somebody who is gone"} as ${id} with ${String(state)}`,
        );
        if (seen.sort().join() !== there.sort().join())
          yield `${name.client}/${topic}#${name.handle} sees [${seen.join(", ")}], there are [${there.join(", ")}]`;
      }
    }
  }
}
