import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { Connection } from "./connection.ts";

export interface DrainOptions {
  /** Time in which clients are told to come back, each at a moment of its own; then those still here are closed. */
  readonly spreadMs: number;
  /** Connections closed in one go, so that the goodbyes are not a burst of their own. */
  readonly batchMax: number;
}

/** How often it is looked whether everybody has left. */
const LOOK_EVERY_MS = 50;

/**
 * Says goodbye to every connection: each hears `goaway` with a delay of its own and may leave by then; who has not is
 * closed with 1012, in batches. Ends when all have been closed; whoever calls it sets the deadline, because no drain
 * may outlast the grace period.
 */
export async function drain(
  connections: ReadonlySet<Connection>,
  clock: Clock,
  random: Random,
  options: DrainOptions,
): Promise<void> {
  const told = [...connections].filter(({ protocol }) =>
    protocol.onGoaway(Math.round(random.next() * options.spreadMs)),
  );
  const leaveByMs = clock.monotonicMs() + options.spreadMs;
  const areLeaving = () => clock.monotonicMs() < leaveByMs && told.some(({ isOpen }) => isOpen);
  while (areLeaving()) {
    const delayMs = Math.min(LOOK_EVERY_MS, leaveByMs - clock.monotonicMs());
    await new Promise<void>((resolve) => clock.setTimer(resolve, delayMs));
  }
  while (connections.size > 0) {
    let closed = 0;
    for (const connection of connections) {
      if (!connection.isOpen) continue;
      connection.stop();
      closed += 1;
      if (closed >= options.batchMax) break;
    }
    if (closed === 0) return;
    await new Promise<void>((resolve) => clock.defer(resolve));
  }
}
