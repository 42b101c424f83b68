import { PlexlineError, type Position } from "@plexline/protocol";
import type { Sender, TopicContext } from "@plexline/server";
import type { ResolvedOptions } from "../options.ts";
import { DOC_KIND } from "../protocol.ts";
import { selectSections } from "../update/select.ts";
import type { UpdateScan } from "../update/update-scan.ts";
import { classify, isEmpty, type LeftCode, takeableOfEntry, type Verdict } from "./classify.ts";
import { createCommits } from "./commits.ts";
import type { DocumentState, Taking, Undo } from "./document-state.ts";
import { createGaps, gapError } from "./gaps.ts";
import { createInFlight, type Flight, lostBy, type Settle } from "./in-flight.ts";
import { createLeftOut } from "./left-out.ts";
import { assertNewClients } from "./new-clients.ts";
import type { Repair } from "./repair.ts";
import type { Seat } from "./seat.ts";

/** Messages that may wait for the storage: a little less than the engine takes, so that it never has to take back what is handed on. */
const IN_FLIGHT_MAX = 4_000;
/** Bytes that may. */
const IN_FLIGHT_BYTES_MAX = 15 * 1024 * 1024;

/** An update or a sync-response, and whom to tell what became of it. */
export interface Arrival {
  readonly sender: Sender;
  /** Undefined for who is not subscribed, as the server's own code. */
  readonly seat: Seat | undefined;
  readonly isResponse: boolean;
  readonly update: Uint8Array;
  /** The ledger's losses when the state vector was sent that it answers; undefined if it answers none. */
  readonly lossesWhenAsked: number | undefined;
  /** Called once, unless judging throws. */
  readonly settle: Settle;
}

/** What a ledger works with. */
export interface LedgerParts {
  readonly topic: TopicContext;
  readonly options: ResolvedOptions;
  readonly state: DocumentState;
  readonly repair: Repair<Seat>;
  /** An entry of this node is durable. */
  readonly onCommitted: (offset: number, bytes: number) => void;
}

/** What a message has come to. */
interface Outcome {
  /** Whether the document has grown by it. */
  readonly brought: boolean;
  /** What would have to be there for what was left out, see `Reach`. */
  readonly missing: readonly number[];
}

/** Keeps a document's state in step with what is handed on and stored. */
export interface Ledger {
  /** How often something that had been taken was lost. */
  readonly losses: number;
  /** Decides what becomes of a message and does it. Throws what refuses it. */
  judge(arrival: Arrival, scan: UpdateScan): void;
  /**
   * Takes the first content of the document [DC21]. False: there is some, durable or on its way, and nothing is changed; it
   * settles when that is durable. Throws what refuses it.
   */
  seed(arrival: Arrival, scan: UpdateScan): boolean;
  /** The state has grown by what another node has stored. */
  onGrown(): void;
  /** The document is another one: what waits or is under way is answered. */
  restart(): void;
  /** Answers what waits. Resolves when no commit is under way. */
  close(): Promise<void>;
}

export function createLedger({ topic, options, state, repair, onCommitted }: LedgerParts): Ledger {
  const { limits } = options;
  const inFlight = createInFlight();
  const gaps = createGaps(topic.clock, state, {
    entriesMax: limits.gapEntriesMax,
    bytesMax: limits.gapBytesMax,
    ageMaxMs: limits.gapAgeMaxMs,
  });
  const commits = createCommits();
  const leftOut = createLeftOut(state, repair);
  let closed = false;
  let losses = 0;

  const onGrown = (): void => {
    if (gaps.count > 0) for (const settle of gaps.takeCovered()) inFlight.afterAll(settle);
    leftOut.onGrown();
  };
  const onDurable = (flight: Flight, user: string, stored: () => UpdateScan, position: Position): void => {
    state.settle(flight.undo);
    const isLate = !inFlight.land(flight);
    if (closed || position.epoch !== topic.window?.epoch) return;
    onCommitted(position.offset, flight.bytes);
    if (isLate) {
      // It was given up with one before it, and has been stored all the same.
      state.take(takeableOfEntry(state, stored()).taking, user);
      onGrown();
    }
    repair.onWritten();
  };
  const onLost = (flight: Flight, cause: unknown): void => {
    const undos = inFlight.lose(flight, lostBy(cause));
    if (undos.length === 0 || closed) return;
    losses += 1;
    for (const undo of undos) state.undo(undo);
    topic.log.warn({ action: "yjs.lost", topic: topic.topic, updates: undos.length, error: cause });
    repair.onLost();
  };
  /** Takes a part of a message or all of it, hands it on, and has it stored. */
  const take = (arrival: Arrival, scan: UpdateScan, taking: Taking, whole: boolean, settle: Settle): void => {
    const { sender, seat, isResponse, update } = arrival;
    assertNewClients(state, limits, taking, isResponse, seat);
    const payload = whole
      ? update
      : selectSections(update, scan, taking.clocks, taking.deletions, state.clockOf);
    // Nobody may hold structs of a client id whose owner the log does not know: after a crash they could come to own it.
    const isClaim = [...taking.clocks.keys()].some((client) => !state.isClaimed(client));
    const flight = inFlight.enter(state.take(taking, sender.principal.id, !isClaim), payload.length, settle);
    const stored = (): UpdateScan => (whole ? scan : partOf(scan, taking, flight.undo));
    topic.log.debug({ action: "yjs.taken", userId: sender.principal.id, bytes: payload.length });
    commits.add(
      topic.broadcast(
        { kind: DOC_KIND.update, payload, sender },
        { ...(seat ? { except: seat.member } : {}), ...(isClaim ? { relay: "when-durable" } : {}) },
      ),
      (position) => onDurable(flight, sender.principal.id, stored, position),
      (error) => onLost(flight, error),
    );
    onGrown();
  };
  const assertRoomInFlight = (): void => {
    if (inFlight.count < IN_FLIGHT_MAX && inFlight.bytes < IN_FLIGHT_BYTES_MAX) return;
    repair.onLost();
    throw new PlexlineError("OVERLOADED", {
      message: "Too much waits for the storage.",
      fix: "Nothing is to be done: the server asks for what is missing once its storage works again.",
    });
  };
  const wait = (scan: UpdateScan, { seat, update, settle }: Arrival): void => {
    gaps.add(scan, update.length, settle);
    if (seat) repair.ask(seat);
    repair.askAll(seat);
  };

  /** Takes what it can of a message, or lets it wait. Returns whether the document has grown, and what was missing for more. */
  const decide = (arrival: Arrival, scan: UpdateScan, verdict: Verdict): Outcome => {
    const { settle } = arrival;
    if (verdict.kind === "known") {
      inFlight.afterAll(settle);
    } else if (verdict.kind === "contiguous") {
      take(arrival, scan, verdict.taking, verdict.whole, settle);
      return { brought: true, missing: [] };
    } else if (verdict.kind === "partial") {
      const { taking, missing } = verdict;
      const settleRest: Settle = (error) => settle(error ?? leftError(verdict.left));
      if (isEmpty(taking)) inFlight.afterAll(settleRest);
      else take(arrival, scan, taking, false, settleRest);
      return { brought: !isEmpty(taking), missing };
    } else if (verdict.kind === "gap") {
      wait(scan, arrival);
    } else {
      // Its structs are admissible in a sync-response: after a failure, somebody else may have brought its author's id in.
      if (arrival.seat) repair.ask(arrival.seat);
      throw clientIdTaken();
    }
    return { brought: false, missing: [] };
  };

  /** The answer to a state vector that has been taken back since may be without what was lost: it proves nothing. */
  const unlessOvertaken = (arrival: Arrival): Arrival => {
    const { seat, settle, lossesWhenAsked = losses } = arrival;
    if (lossesWhenAsked === losses) return arrival;
    if (seat) repair.ask(seat);
    const overtaken = lostBy(new Error("what the sync-request spoke of was lost before the answer came"));
    return { ...arrival, settle: (error) => settle(error ?? overtaken) };
  };

  return {
    get losses() {
      return losses;
    },
    judge(received, scan) {
      const arrival = unlessOvertaken(received);
      const { sender, seat, isResponse } = arrival;
      if (seat?.isStale) throw gapError("the document it belongs to is not this one");
      assertRoomInFlight();
      const verdict = classify(state, scan, sender.principal.id, isResponse);
      const { brought, missing } = decide(arrival, scan, verdict);
      if (!seat || !isResponse) return;
      repair.onAnswer(seat, brought, missing.length === 0);
      leftOut.onAnswer(seat, missing);
    },
    seed(arrival, scan) {
      const { sender, settle } = arrival;
      assertRoomInFlight();
      if (inFlight.count > 0 || (topic.window?.head ?? 0) > 0) {
        inFlight.afterAll(settle);
        return false;
      }
      const verdict = classify(state, scan, sender.principal.id, false);
      if (verdict.kind === "refused") throw clientIdTaken();
      if (verdict.kind !== "contiguous") throw noSeed(verdict.kind === "known");
      take(arrival, scan, verdict.taking, true, settle);
      return true;
    },
    onGrown,
    restart() {
      leftOut.clear();
      inFlight.loseAll(lostBy(new Error("the log is another one")));
      gaps.clear(gapError("the document is another one now"));
    },
    async close() {
      closed = true;
      leftOut.clear();
      gaps.clear(new PlexlineError("SHUTTING_DOWN"));
      await commits.settled();
    },
  };
}

/** What is in the part of an update that is taken: of each client id what was behind the document's end then. */
function partOf(scan: UpdateScan, { clocks, deletions }: Taking, { clocks: before }: Undo): UpdateScan {
  const begins = new Map<number, number>();
  for (let at = 0; at < before.length; at += 2) begins.set(before[at]!, before[at + 1]!);
  const sections = scan.sections.flatMap((section) => {
    const end = clocks.get(section.client);
    if (end === undefined) return [];
    return [{ ...section, from: Math.max(section.from, begins.get(section.client) ?? 0), to: end, end }];
  });
  return { ...scan, sections, deletions };
}

function leftError(code: LeftCode): PlexlineError {
  return code === "UPDATE_GAP" ? gapError("what refers to it was left out") : clientIdTaken();
}

/** Nothing would wait for what a seed lacks: nobody has it. */
function noSeed(isEmptyUpdate: boolean): PlexlineError {
  return new PlexlineError("UPDATE_INVALID", {
    message: isEmptyUpdate
      ? "The update holds nothing."
      : "The update refers to structs that it does not hold, and the document is empty.",
    fix: "Seed a document with encodeStateAsUpdate() of a whole Y.Doc that has content.",
  });
}

function clientIdTaken(): PlexlineError {
  return new PlexlineError("CLIENT_ID_TAKEN", {
    message: "A client id of the update belongs to another user.",
    fix: "Let each Y.Doc have a client id of its own; send what others wrote only in answer to sync-request.",
  });
}
