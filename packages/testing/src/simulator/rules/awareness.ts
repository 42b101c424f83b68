import type { Evidence } from "../checker.ts";

export function* checkAwareness({ end }: Evidence): Generator<string> {
  if (end.unrest !== null) return;
  const documents = end.actors.flatMap((actor) => actor.documents);
  for (const topic of end.documents.keys()) {
    const seats = documents.filter(({ name, isWanted }) => name.topic === topic && isWanted);
    const nameOfId = new Map(seats.map(({ name, handle }) => [handle.doc.clientID, name.client]));
    const there = statesOf(
      seats.flatMap(({ handle: { awareness, doc } }) => {
        const state = awareness?.getLocalState() ?? null;
        return state === null ? [] : [[doc.clientID, state] as const];
      }),
      nameOfId,
    );
    for (const { name, handle } of seats) {
      const seen = statesOf([...(handle.awareness?.getStates() ?? [])], nameOfId);
      if (seen !== there) yield `${name.client}/${topic} sees [${seen}], there are [${there}]`;
    }
  }
}

function statesOf(states: readonly (readonly [number, unknown])[], names: Map<number, string>): string {
  return states
    .map(([id, state]) => `${names.get(id) ?? "somebody who is gone"} as ${id} with ${JSON.stringify(state)}`)
    .sort()
    .join(", ");
}
