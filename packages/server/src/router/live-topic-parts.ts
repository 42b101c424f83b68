import type { Broker } from "../broker/broker.ts";
import type { Hub } from "../broker/hub.ts";
import type { Feature } from "../feature/feature.ts";
import type { Clock } from "../platform/clock.ts";
import type { Storage } from "../storage/storage.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Feeds } from "./feeds.ts";
import type { KeptBytes } from "./recent-entries.ts";
import type { Turns } from "./turns.ts";

/** What a live topic is made of. */
export interface LiveTopicParts {
  readonly topic: string;
  readonly tenant: string;
  readonly params: Readonly<Record<string, string>>;
  readonly alias: number;
  readonly feature: Feature;
  /** Where its log is; the same for all topics of one durability. */
  readonly storage: Storage;
  readonly hub: Hub;
  readonly broker: Broker;
  readonly feeds: Feeds;
  /** Shared by all topics: whoever reads a log has work to do afterwards. */
  readonly turns: Turns;
  /** What all topics keep of what they read. */
  readonly kept: KeptBytes;
  readonly clock: Clock;
  readonly log: Logger;
  /** Time that the feature has to make the room. */
  readonly handlerTimeoutMs: number;
  /** Told of every event committed and every message relayed, for metrics. */
  readonly onPublication: (feature: string, family: "logged" | "ephemeral") => void;
  /** Told of every gap that a subscriber is told of. */
  readonly onGap: (reason: "trimmed" | "reset") => void;
}
