import { Hono } from "hono";
import type { Clock } from "../platform/clock.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Readiness } from "../telemetry/readiness.ts";
import type { Stats } from "../telemetry/stats.ts";

export interface HealthOptions {
  readonly stats: () => Stats;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

const FRESH = { "Cache-Control": "no-store" };

/**
 * The four pages that operators' tools read: `/healthz` (the process answers), `/readyz` (it can do its work: 200, or
 * 503 with the check that fails), `/metrics` (Prometheus) and `/api/health` (one body for people and dashboards).
 * They tell numbers only, never a topic or a user.
 */
export function createHealth({ stats, readiness, metrics, clock }: HealthOptions): Hono {
  const app = new Hono();

  app.get("/healthz", (context) => context.text("ok", 200, FRESH));

  app.get("/readyz", async (context) => {
    const report = await readiness.check();
    return context.json(report, report.ready ? 200 : 503, FRESH);
  });

  app.get("/metrics", async (context) => {
    return context.body(await metrics.text(), 200, { ...FRESH, "Content-Type": metrics.contentType });
  });

  app.get("/api/health", (context) => {
    const { connections, rooms, users, messageQueueSize } = stats();
    const body = {
      status: "ok",
      timestamp: new Date(clock.nowMs()).toISOString(),
      websocket: { connections, rooms },
      activeConnections: connections,
      activeUsers: users,
      messageQueueSize,
    };
    return context.json(body, 200, FRESH);
  });
  return app;
}
