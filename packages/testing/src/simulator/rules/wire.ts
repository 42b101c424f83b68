import type { Evidence } from "../checker.ts";

export function* checkWire({ history }: Evidence): Generator<string> {
  for (const happening of history.happenings)
    if (happening.kind === "unbidden")
      yield `${happening.client} was sent ${happening.what}, and had not asked`;
}
