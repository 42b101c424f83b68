import type { Position } from "@plexline/protocol";
import type { Clock } from "@plexline/server";
import { createDocumentRecord, type DocumentRecord } from "./documents/record.ts";
import type { Claim } from "./documents/seat.ts";

/** Stands for the server's own code among the publishers. Its promises may end with it. */
export const SERVER = "server";

/** Something that one handle of one client wants to be told of a topic. */
/**
 * Epoch of a push that came before its handle was told one: the reply to its subscribe was lost with a connection, and the
 * session went on over another.
 */
export const UNTOLD_EPOCH = "untold";

export interface SeatName {
  readonly client: string;
  readonly topic: string;
  /** A client may have several handles of one topic. */
  readonly handle: number;
}

/** One event that a client asked the server to publish. */
export interface Publication {
  /** Rises by one with each publication that is asked for. */
  readonly id: number;
  /** What its payload says: its id, or that of an earlier one which it repeats with the same key. */
  readonly content: number;
  readonly client: string;
  readonly topic: string;
  readonly event: string;
  /** Sent at most once: neither queued without a connection nor sent again. */
  readonly isSentOnce: boolean;
  outcome: Outcome | null;
  /** The server refused it for now at least once, so that what followed may have overtaken it. */
  wasPutOff: boolean;
  timesSent: number;
}

export type Outcome =
  | { readonly kind: "acked"; readonly position: Position | null }
  /** Resolved without having asked for an answer. */
  | { readonly kind: "unasked" }
  | { readonly kind: "refused"; readonly code: string };

/** What clients saw, and what was done to them and to the server. */
export type Happening =
  | { readonly kind: "action"; readonly text: string }
  | { readonly kind: "connected"; readonly client: string; readonly resumed: boolean; readonly user: string }
  | { readonly kind: "disconnected"; readonly client: string; readonly why: string }
  | { readonly kind: "settled"; readonly publication: Publication }
  | {
      readonly kind: "subscribed";
      readonly seat: SeatName;
      readonly position: Position | null;
      readonly recovered: boolean;
    }
  | {
      readonly kind: "pushed";
      readonly seat: SeatName;
      readonly event: string;
      readonly content: number;
      /** Null for an ephemeral one. */
      readonly position: Position | null;
    }
  | { readonly kind: "gap"; readonly seat: SeatName; readonly position: Position; readonly reason: string }
  | { readonly kind: "left"; readonly seat: SeatName; readonly error: string | null }
  /** The server sent something that it must not send now. */
  | { readonly kind: "unbidden"; readonly client: string; readonly what: string }
  /** A thief who knows a client's resume token said hello with it. */
  | {
      readonly kind: "theft";
      readonly user: string;
      readonly victim: string;
      readonly resumed: boolean;
      readonly welcomedAs: string;
    }
  | { readonly kind: "stolen"; readonly user: string; readonly message: string }
  /** Something happened to a client's document. */
  | { readonly kind: "document"; readonly document: SeatName; readonly what: string }
  /** A client says that everything is saved. */
  | { readonly kind: "saved"; readonly document: SeatName; readonly claim: Claim }
  /** The position of a client is beyond what its document has. */
  | { readonly kind: "led"; readonly document: SeatName; readonly what: string };

export interface History {
  readonly happenings: readonly (Happening & { readonly atMs: number })[];
  readonly publications: readonly Publication[];
  readonly documents: DocumentRecord;
  note(happening: Happening): void;
  /** Begins a publication, with the next id. */
  publication(
    made: Pick<Publication, "client" | "topic" | "event" | "isSentOnce">,
    repeats?: Publication,
  ): Publication;
}

/** An empty history whose times are those of `clock`. */
export function createHistory(clock: Clock): History {
  const happenings: (Happening & { readonly atMs: number })[] = [];
  const publications: Publication[] = [];
  return {
    happenings,
    publications,
    documents: createDocumentRecord(),
    note: (happening) => void happenings.push({ ...happening, atMs: clock.monotonicMs() }),
    publication(made, repeats) {
      const id = publications.length + 1;
      const publication: Publication = {
        ...made,
        id,
        content: repeats?.content ?? id,
        outcome: null,
        wasPutOff: false,
        timesSent: 0,
      };
      publications.push(publication);
      return publication;
    },
  };
}

/** The last happenings as lines to read. */
export function traceOf(history: History, lines: number): string[] {
  return history.happenings
    .slice(Math.max(0, history.happenings.length - lines))
    .map(({ atMs, kind, ...rest }) => {
      return `${atMs.toFixed(0).padStart(8)} ms  ${kind.padEnd(12)} ${Object.values(rest).map(told).join(" ")}`;
    });
}

function told(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && "handle" in value) {
    const { client, topic, handle } = value as SeatName;
    return `${client}/${topic}#${handle}`;
  }
  return JSON.stringify(value);
}
