import type { Awareness } from "y-protocols/awareness";

/** Where somebody is, and whom it sees. */
export interface Presence {
  /** Of the whole state that others see; null until it is known, where the server chooses it. */
  readonly clientId: number | null;
  /** The state that others who have awareness see. */
  readonly state: unknown;
  /** Moves the cursor. */
  show(at: number): void;
  /** Shows the same again, as clients do every 15 seconds. */
  renew(): void;
  /** Everybody it sees, by client id: whole states, or what cursors say where the dialect tells no more. */
  readonly seen: ReadonlyMap<number, unknown>;
  /** Whether only cursors of others are told. */
  readonly isCursorsOnly: boolean;
}

interface State {
  readonly user: { readonly id: string; readonly name: string };
  readonly cursor?: unknown;
  readonly lineCursor?: unknown;
}

/** What a client with a y-protocols awareness shows and sees. */
export function presenceOf(awareness: Awareness, name: string): Presence {
  awareness.setLocalState({ user: { id: name, name } });
  return {
    clientId: awareness.clientID,
    get state() {
      return awareness.getLocalState();
    },
    show: (at) => awareness.setLocalStateField("cursor", { at }),
    renew: () => awareness.setLocalState(awareness.getLocalState()),
    get seen() {
      return awareness.getStates();
    },
    isCursorsOnly: false,
  };
}

/** What differs between what everybody shows and what everybody sees. */
export function presenceDifferencesOf(
  members: readonly { readonly name: string; readonly presence: Presence | null }[],
): string[] {
  const present = members.flatMap(({ name, presence }) => (presence ? [{ name, presence }] : []));
  const known = new Set(present.map(({ presence }) => presence.clientId));
  /** An id that the server has chosen is compared among those who see it, below. */
  const listOf = (states: Iterable<readonly [number | null, unknown]>) =>
    [...states]
      .map(([id, state]) => JSON.stringify([id !== null && known.has(id) ? id : "?", state]))
      .sort()
      .join(" ");
  const differences = present.flatMap(({ name, presence }) => {
    const shown = present.map((one): [number | null, unknown] => [one.presence.clientId, one.presence.state]);
    const expected = listOf(
      presence.isCursorsOnly ? cursorsOfOthers(shown, presence) : shown.filter(isShown),
    );
    const seen = listOf(presence.seen);
    return seen === expected ? [] : [`${name} sees ${seen}\n  and should see ${expected}`];
  });
  const chosen = present.map(({ presence }) =>
    [...presence.seen.keys()].filter((id) => !known.has(id)).sort((a, b) => a - b),
  );
  const whole = chosen.filter((_, index) => present[index]?.presence.isCursorsOnly === false);
  if (new Set(whole.map((ids) => ids.join(" "))).size > 1)
    differences.push(`Client ids that the server chose differ: ${JSON.stringify(chosen)}`);
  return differences;
}

function isShown([, state]: readonly [number | null, unknown]): boolean {
  return state !== null;
}

/** What the combined socket tells of the states of the others: who shows a cursor, and where. */
function cursorsOfOthers(
  shown: readonly (readonly [number | null, unknown])[],
  own: Presence,
): [number | null, unknown][] {
  return shown.flatMap(([id, state]): [number | null, unknown][] => {
    if (state === null || state === own.state) return [];
    const { user, cursor = null, lineCursor = null } = state as State;
    const where = cursor ?? lineCursor;
    return where === null ? [] : [[id, { userId: user.id, cursor: where }]];
  });
}
