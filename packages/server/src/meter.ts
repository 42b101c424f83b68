import type { Engine, EngineMeter } from "./engine.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import type { StatsSource } from "./telemetry/stats.ts";

/** Counts what the engine reports. Label sets are few and known, so their instruments are kept by value. */
export function createMeter({ engine }: Metrics): EngineMeter {
  return {
    connectionOpened(protocol) {
      engine.connects.add();
      engine.connections.with({ protocol }).add(1);
    },
    connectionClosed(protocol, code) {
      engine.connections.with({ protocol }).add(-1);
      engine.closes.with({ code: String(code) }).add();
    },
    messageIn: (type) => engine.messagesIn.with({ type }).add(),
    messagesOut(count, bytes) {
      engine.messagesOut.add(count);
      engine.bytesOut.add(bytes);
    },
    refused: (code) => engine.refused.with({ code }).add(),
    outboxDropped: (policy) => engine.outboxDropped.with({ policy }).add(),
    slowConsumer: () => engine.slowConsumers.add(),
    authenticated: (result) => engine.auth.with({ result }).add(),
    resumed: (result) => engine.resumes.with({ result }).add(),
    acked: (durationMs) => engine.ackMs.observe(durationMs),
    published: (feature, family) => engine.publications.with({ feature, family }).add(),
    recovery: (result) => engine.recoveries.with({ result }).add(),
    gap: (reason) => engine.gaps.with({ reason }).add(),
    handled: (feature, durationMs) => engine.handlerMs.with({ feature }).observe(durationMs),
  };
}

/** What `app.stats()` reads. */
export function createStatsSource(engine: Engine, metrics: Metrics): StatsSource {
  const { messagesIn, messagesOut, bytesOut } = metrics.engine;
  return {
    connections: () => engine.connections.size,
    sessions: () => engine.sessions.count,
    users: () => engine.sessions.userCount,
    rooms: () => engine.liveTopics.count,
    subscriptions: () => engine.subscriptionCount,
    messageQueueSize: () => engine.waitingMessages,
    messagesInTotal: () => [...messagesIn.instruments].reduce((sum, { value }) => sum + value, 0),
    messagesOutTotal: () => messagesOut.value,
    bytesOutTotal: () => bytesOut.value,
  };
}
