import type { DocHandle, DocOptions } from "@plexline/features/client";
import { applyUpdate, Doc, decodeStateVector, encodeStateAsUpdate, encodeStateVector, getState } from "yjs";
import type { SeededRandom } from "../../random.ts";
import type { History, SeatName } from "../history.ts";
import type { World } from "../world.ts";
import { edit } from "./edits.ts";
import { covers, type DocumentLog, type Range } from "./log.ts";

/** What a client says is saved, beyond what it has said before, and how much was durable at that moment. */
export interface Claim {
  /** Entries of the log. */
  readonly entries: number;
  /** Client ids and the clocks after their last structs. */
  readonly clocks: readonly (readonly [client: number, clock: number])[];
  readonly deletions: readonly Range[];
  /** Characters that were inserted into the text. */
  readonly tokens: string;
}

/** One document as its client's application has it. */
export interface DocumentSeat {
  readonly name: SeatName;
  readonly handle: DocHandle;
  /** Whether the application wants the document now. */
  isWanted: boolean;
  /** Edits the document by chance; tells how. */
  edit(random: SeededRandom): string;
  open(): void;
  close(): void;
  /** Sets the awareness; null clears it. */
  show(state: number | null): void;
  /** Shows the awareness there is again, as clients do from time to time. */
  renew(): void;
  /** What a local store has of the document. */
  stored(): Uint8Array;
}

export interface DocumentSeatOptions {
  readonly world: World;
  readonly history: History;
  readonly client: { doc(address: string, options?: DocOptions): DocHandle };
  readonly name: SeatName;
  readonly user: string;
  /** What a local store had of the document. */
  readonly stored?: Uint8Array | undefined;
}

/** Opens a document with a client of the world, without connecting it, and writes down what the client says of it. */
export function createDocumentSeat(options: DocumentSeatOptions): DocumentSeat {
  const { world, history, client, name, user } = options;
  const record = history.documents;
  const doc = createPinnedDoc(options);
  const { clientID } = doc;
  record.authors.set(clientID, { user, clock: () => getState(doc.store, clientID) });
  const handle = client.doc(name.topic, { doc, broadcast: false, connect: false });
  const { awareness } = handle;
  if (awareness === null) throw new Error("A document has an awareness unless told otherwise.");
  // It renews and forgets states by the clock of the machine.
  clearInterval(awareness._checkInterval);
  const log = world.documentLog(name.topic);
  const claims = followClaims(doc, handle, log, (claim) =>
    history.note({ kind: "saved", document: name, claim }),
  );
  followPosition(doc, handle, log, (what) => history.note({ kind: "led", document: name, what }));
  handle.on("status", ({ state }) => history.note({ kind: "document", document: name, what: state }));
  handle.on("error", ({ code }) => history.note({ kind: "document", document: name, what: `told ${code}` }));

  return {
    name,
    handle,
    isWanted: false,
    edit(random) {
      const { inserted, deleted, told } = edit({ doc, random, tokens: record.tokens });
      for (const token of deleted) record.deleted.add(token);
      claims.edited(inserted);
      return told;
    },
    open() {
      this.isWanted = true;
      handle.connect();
    },
    close() {
      this.isWanted = false;
      handle.disconnect();
    },
    show: (state) => awareness.setLocalState(state === null ? null : { state }),
    renew: () => awareness.setLocalState(awareness.getLocalState()),
    stored: () => encodeStateAsUpdate(doc),
  };
}

/** Yjs draws the client id from its own randomness, and who wins where two insert at one place depends on it. */
function createPinnedDoc({ world, stored }: DocumentSeatOptions): Doc {
  const doc = new Doc();
  doc.clientID = 1 + world.random.integer(2 ** 30);
  if (stored !== undefined) applyUpdate(doc, stored);
  return doc;
}

/** Tells what the client claims to be saved, whenever it says that nothing is unsaved. */
function followClaims(
  doc: Doc,
  handle: DocHandle,
  log: DocumentLog,
  tell: (claim: Claim) => void,
): { edited(tokens: string): void } {
  /** What has to be there at the next claim. What came from a local store counts as unsaved too. */
  const clocks = decodeStateVector(encodeStateVector(doc));
  let deletions: Range[] = [];
  let tokens = "";
  doc.on("afterTransaction", ({ local, deleteSet }) => {
    if (!local) return;
    for (const [client, ranges] of deleteSet.clients)
      for (const { clock, len } of ranges) deletions.push({ client, clock, length: len });
  });
  const claim = (): void => {
    const isNothingNew = clocks.size === 0 && deletions.length === 0;
    if (handle.unsaved > 0 || isNothingNew) return;
    tell({ entries: log().length, clocks: [...clocks], deletions, tokens });
    clocks.clear();
    deletions = [];
    tokens = "";
  };
  handle.on("unsaved", claim);
  return {
    edited(inserted) {
      tokens += inserted;
      const clock = getState(doc.store, doc.clientID);
      if (clock > 0) clocks.set(doc.clientID, clock);
      // No client can know in the same moment that an edit is saved.
      claim();
    },
  };
}

/** Tells when a client's position is beyond what its document has [B7]: from there it would go on after a disconnect. */
function followPosition(doc: Doc, handle: DocHandle, log: DocumentLog, tell: (what: string) => void): void {
  /** Entries of the log that the document is known to have. */
  let covered = 0;
  const look = (): void => {
    const offset = handle.topic.position?.offset ?? 0;
    if (!handle.synced) return;
    for (; covered < offset; covered += 1) {
      const logged = log()[covered];
      if (logged === undefined) tell(`is at ${offset}, the log at ${covered}`);
      else if (!covers(doc, logged)) tell(`is at ${offset} and has no entry ${logged.offset}`);
    }
  };
  handle.on("synced", look);
  handle.topic.on("committed", look);
}
