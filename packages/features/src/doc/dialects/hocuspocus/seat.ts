import type { BinaryMessage } from "@plexline/protocol";
import type { HocuspocusBacklog } from "./backlog.ts";
import type { ReaderCheck } from "./reader-check.ts";
import { type Account, type Answer, createAccount, type Round } from "./settlements.ts";

/** One address of a document: a provider on the client's side. */
export interface Seat {
  readonly address: string;
  readonly account: Account;
  /** The SyncStep1 that it was sent and has not answered, the oldest first. */
  readonly asked: (Round | "check")[];
  /** The last round that it was asked in. */
  round: Round | null;
  /** Whether its client has begun a sync: before that it is asked nothing. */
  hasBegun: boolean;
  /** What its client may still send that it wrote before it began to sync; null before that, and once it has answered. */
  backlog: HocuspocusBacklog | null;
  /** Client ids that it shows, and their clocks. */
  readonly shown: Map<number, number>;
  /** Finds out whether a reader has anything of its own; null for a writer, and when it has been answered. */
  check: ReaderCheck | null;
  /** Whether what it is sent in answer to SyncStep1 tells `check` what the document has. */
  isChecked: boolean;
  /** What came for it before it was told that it is in; null since then. */
  early: BinaryMessage[] | null;
  isGone: boolean;
}

export function createSeat(address: string, answer: Answer): Seat {
  return {
    address,
    account: createAccount(answer),
    asked: [],
    round: null,
    hasBegun: false,
    backlog: null,
    shown: new Map(),
    check: null,
    isChecked: false,
    early: [],
    isGone: false,
  };
}
