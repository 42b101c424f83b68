import { PlexlineError } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../telemetry/log.ts";
import { withDeadline } from "./deadline.ts";
import type { LiveTopic } from "./live-topic.ts";

export interface HandlersParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly timeoutMs: number;
  readonly onHandled: (feature: string, durationMs: number) => void;
}

/** Runs code that is not ours: within its deadline, with what it throws turned into an error code and a log line. */
export class Handlers {
  readonly #parts: HandlersParts;

  constructor(parts: HandlersParts) {
    this.#parts = parts;
  }

  /** Runs a handler of a topic's feature and counts how long it took. */
  async run<T>(live: LiveTopic, work: () => T | Promise<T>): Promise<T> {
    const { clock, onHandled } = this.#parts;
    const startedMs = clock.monotonicMs();
    try {
      return await this.inTime(live.topic, work);
    } finally {
      onHandled(live.feature.feature, clock.monotonicMs() - startedMs);
    }
  }

  /** Runs other code of the application about a topic. What it throws that is not ours becomes HANDLER_FAILED. */
  async inTime<T>(topic: string, work: () => T | Promise<T>): Promise<T> {
    const { clock, timeoutMs, log } = this.#parts;
    try {
      return await withDeadline(clock, timeoutMs, work);
    } catch (error) {
      if (error instanceof PlexlineError && error.cause !== undefined) {
        log.error({ action: "handler.failed", topic, code: error.code, error: error.cause });
      }
      throw error;
    }
  }
}
