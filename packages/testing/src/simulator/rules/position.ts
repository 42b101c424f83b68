import type { Evidence } from "../checker.ts";

export function* checkPosition({ history }: Evidence): Generator<string> {
  for (const happening of history.happenings)
    if (happening.kind === "led")
      yield `${happening.document.client}/${happening.document.topic} ${happening.what}`;
}
