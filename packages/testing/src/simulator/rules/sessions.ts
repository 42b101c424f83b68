import type { Evidence } from "../checker.ts";

export function* checkSessions({ history, end }: Evidence): Generator<string> {
  const users = new Map(end.actors.map(({ settings }) => [settings.name, settings.user]));
  for (const happening of history.happenings) {
    if (happening.kind === "theft" && (happening.resumed || happening.welcomedAs !== happening.user))
      yield `${happening.user} has got the session of ${happening.victim}`;
    else if (happening.kind === "stolen")
      yield `${happening.user} was sent ${happening.message} of another session`;
    else if (happening.kind === "connected") {
      const user = users.get(happening.client) ?? happening.user;
      if (happening.user !== user) yield `${happening.client} of ${user} is connected as ${happening.user}`;
    }
  }
}
