import type { PlexlineError } from "@plexline/protocol";
import type { Member, TopicContext } from "@plexline/server";
import type { StateVector } from "../update/update-scan.ts";
import { type Acknowledgements, createAcknowledgements } from "./acknowledgements.ts";
import { createLane, type Lane } from "./lane.ts";
import { type Askable, createAskable } from "./repair.ts";

/** One subscription of a session, from the moment it asks. */
export interface Seat extends Askable {
  member: Member;
  /** Long messages may be sent to it in parts. */
  readonly parts: boolean;
  readonly acknowledgements: Acknowledgements;
  readonly lane: Lane;
  /** It is what its session is subscribed with. */
  isOpen: boolean;
  /** Its connection is there. */
  isAttached: boolean;
  /** The document it knows is another one than this [DC17]. */
  isStale: boolean;
  /** Client ids that it has brought by updates, and by sync-responses. */
  newClients: number;
  syncClients: number;
  /** What it has been asked and has not answered yet, the oldest first: losses of the document by then, see `Ledger`. */
  readonly questions: number[];
  /** What it lacks is being sent to it. */
  isFed: boolean;
  /** The newest `sync-request` that came meanwhile. */
  nextVector: StateVector | undefined;
  /** Stands for its last `state` until the answer is on its way; undefined when none is awaited. */
  stateQuestion: object | undefined;
}

export function createSeat(topic: TopicContext, member: Member, parts: boolean): Seat {
  return {
    ...createAskable(),
    member,
    parts,
    acknowledgements: createAcknowledgements((acked) => topic.acknowledge(member, acked)),
    lane: createLane(),
    isOpen: true,
    isAttached: true,
    isStale: false,
    newClients: 0,
    syncClients: 0,
    questions: [],
    isFed: false,
    nextVector: undefined,
    stateQuestion: undefined,
  };
}

/** Nothing is told to it any more. */
export function closeSeat(seat: Seat): void {
  seat.isOpen = false;
  seat.nextVector = undefined;
  seat.acknowledgements.close();
}

/** Tells a member of an error that no reply carries. */
export function tellError(topic: TopicContext, seat: Seat, error: PlexlineError): void {
  if (seat.isOpen) topic.push(seat.member, { type: "error", topic: topic.topic, error: error.toBody() });
}
