import { refuse } from "./refuse.ts";

/**
 * What the structs of an update refer to. An entry is written down only where a section begins to need more of a client
 * id than before: since a section's structs can only be taken one after the other, the rest follows.
 */
export interface References {
  /** Client id of the section that is being scanned. */
  owner: number;
  /** What it needs so far. */
  needs: Map<number, number> | undefined;
  /** How many structs of all sections name a struct as their parent: nowhere are more in each other. */
  parents: number;
  /** The entries of all sections: at this clock the section begins to need this client id up to this clock. */
  readonly at: number[];
  readonly client: number[];
  readonly need: number[];
}

export function createReferences(): References {
  return { owner: -1, needs: undefined, parents: 0, at: [], client: [], need: [] };
}

/** Begins the section of a client id. */
export function beginSection(references: References, owner: number): void {
  references.owner = owner;
  references.needs = undefined;
}

/** The entries from `first` on, flat, as a scan has them. */
export function needsSince({ at, client, need }: References, first: number): number[] {
  const needs: number[] = [];
  for (let entry = first; entry < at.length; entry++) needs.push(at[entry]!, client[entry]!, need[entry]!);
  return needs;
}

/** The struct at clock `at` of the section refers to a struct. */
export function addReference(
  references: References,
  at: number,
  client: number,
  clock: number,
  byte: number,
): void {
  if (client === references.owner) {
    // Below `at` it lies in the section or before it, and the section must connect anyway.
    if (clock >= at) refuse("a struct depends on itself or on a later one of its client id", byte);
    return;
  }
  references.needs ??= new Map();
  const known = references.needs.get(client);
  if (known !== undefined && known > clock) return;
  references.needs.set(client, clock + 1);
  references.at.push(at);
  references.client.push(client);
  references.need.push(clock + 1);
}
