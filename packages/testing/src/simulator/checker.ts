import type { EndState } from "./end.ts";
import type { History } from "./history.ts";
import { checkAuthorship } from "./rules/authorship.ts";
import { checkAwareness } from "./rules/awareness.ts";
import { checkContents } from "./rules/contents.ts";
import { checkConvergence } from "./rules/convergence.ts";
import { checkLog } from "./rules/log.ts";
import { checkOrder } from "./rules/order.ts";
import { checkPlaces } from "./rules/places.ts";
import { checkPosition } from "./rules/position.ts";
import { checkPresence } from "./rules/presence.ts";
import { checkRest } from "./rules/rest.ts";
import { checkSaved } from "./rules/saved.ts";
import { checkSessions } from "./rules/sessions.ts";
import { checkState } from "./rules/state.ts";
import { checkSubscribers } from "./rules/subscribers.ts";
import { checkWire } from "./rules/wire.ts";
import type { WorldSettings } from "./world.ts";

/** A rule that a run broke, in a sentence. */
export interface Finding {
  readonly rule: RuleName;
  readonly what: string;
}

export type RuleName =
  /** An offset of an epoch stands for one content, for everybody and for ever. */
  | "contents"
  /** What was acknowledged is in the log once; what anybody saw is in the log; what was refused is not. */
  | "log"
  /** A subscriber sees every publication once and in order, or is told of the gap; in the end it has all. */
  | "subscribers"
  /** Publications of one client to one topic keep their order. */
  | "order"
  /** In the end everybody sees those who are there, and nobody else. */
  | "presence"
  /** In the end everybody sees the state that is stored. */
  | "state"
  /** Only the owner resumes a session. */
  | "sessions"
  /** On each connection a topic is pushed only while it is subscribed, and a request has one reply. */
  | "wire"
  /** Everything settles, nothing rejects unheard, and everybody is connected and subscribed again. */
  | "rest"
  /** What a client of a document says is saved is durable then, and stays so. */
  | "saved"
  /** The log of a document can be applied in its order, without a gap, and only grows. */
  | "places"
  /** A client has everything of a document up to its position. */
  | "position"
  /** Entries of a document are attributed to who sent them, and nobody writes in another's name. */
  | "authorship"
  /** In the end everybody has the same document, and it is that of the log. */
  | "convergence"
  /** In the end everybody sees the awareness of those who are there, and of nobody else. */
  | "awareness";

/** Everything that a rule may look at. */
export interface Evidence {
  readonly history: History;
  readonly end: EndState;
  readonly settings: WorldSettings;
}

export type Rule = (evidence: Evidence) => Generator<string>;

const RULES: readonly (readonly [RuleName, Rule])[] = [
  ["contents", checkContents],
  ["sessions", checkSessions],
  ["log", checkLog],
  ["subscribers", checkSubscribers],
  ["order", checkOrder],
  ["presence", checkPresence],
  ["state", checkState],
  ["wire", checkWire],
  ["saved", checkSaved],
  ["places", checkPlaces],
  ["position", checkPosition],
  ["authorship", checkAuthorship],
  ["convergence", checkConvergence],
  ["awareness", checkAwareness],
  ["rest", checkRest],
];

/** Findings of one rule that are told; more say nothing more. */
const FINDINGS_MAX = 3;

/** Judges a run by what its clients saw and by what is on the disk in the end. */
export function check(evidence: Evidence): Finding[] {
  const findings: Finding[] = [];
  for (const [rule, find] of RULES) {
    let count = 0;
    for (const what of find(evidence)) {
      if (count++ === FINDINGS_MAX) break;
      findings.push({ rule, what });
    }
  }
  return findings;
}
