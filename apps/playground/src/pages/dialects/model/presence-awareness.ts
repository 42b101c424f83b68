import { Observable } from "lib0/observable";
import type { Doc } from "yjs";
import type { EditorAwareness } from "../../../editing/shared-text.ts";
import { userFieldOf } from "../../../editing/user-state.ts";
import { type Person, personOfUser } from "../../../session/person.ts";

type State = Record<string, unknown>;

/**
 * Cursors of a wire that tells them one by one, as an editor of Yjs looks for them. Unlike an awareness of y-protocols it forgets
 * nobody by itself: the server tells when a cursor goes, and a cursor that stands still is not told again.
 *
 * Emits `cursor` when the own one moved, and `change` and `update` as an awareness does.
 */
export class PresenceAwareness extends Observable<string> implements EditorAwareness {
  readonly doc: Doc;
  readonly states = new Map<number, State>();

  constructor(doc: Doc, person: Person) {
    super();
    this.doc = doc;
    this.states.set(doc.clientID, { user: userFieldOf(person) });
  }

  get clientID(): number {
    return this.doc.clientID;
  }

  /** Where the user is: two relative positions, or null. */
  get ownCursor(): unknown {
    return this.getLocalState()?.cursor ?? null;
  }

  getLocalState(): State | null {
    return this.states.get(this.clientID) ?? null;
  }

  getStates(): Map<number, State> {
    return this.states;
  }

  setLocalStateField(field: string, value: unknown): void {
    const before = JSON.stringify(this.ownCursor);
    this.#set(this.clientID, { ...this.getLocalState(), [field]: value });
    if (JSON.stringify(this.ownCursor) !== before) this.emit("cursor", []);
  }

  /** Somebody else is somewhere, or nowhere when `cursor` is null. */
  place(client: number, userId: string, cursor: unknown): void {
    if (client === this.clientID) return;
    if (cursor === null || cursor === undefined) this.#remove([client]);
    else this.#set(client, { user: userFieldOf(personOfUser(userId)), cursor });
  }

  /** Nobody else is known to be there. */
  forget(): void {
    this.#remove([...this.states.keys()].filter((client) => client !== this.clientID));
  }

  #set(client: number, state: State): void {
    const isNew = !this.states.has(client);
    this.states.set(client, state);
    this.#tell({ added: isNew ? [client] : [], updated: isNew ? [] : [client], removed: [] });
  }

  #remove(clients: readonly number[]): void {
    const removed = clients.filter((client) => this.states.delete(client));
    if (removed.length > 0) this.#tell({ added: [], updated: [], removed });
  }

  #tell(changes: Readonly<Record<"added" | "updated" | "removed", readonly number[]>>): void {
    this.emit("change", [changes, this]);
    this.emit("update", [changes, this]);
  }
}
