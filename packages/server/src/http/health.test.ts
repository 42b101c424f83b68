import { createTestClock } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { createMetrics } from "../telemetry/prometheus.ts";
import { createReadiness, type ReadinessCheck } from "../telemetry/readiness.ts";
import type { Stats } from "../telemetry/stats.ts";
import { createHealth } from "./health.ts";

const STATS: Stats = {
  connections: 3,
  sessions: 4,
  users: 2,
  rooms: 1,
  subscriptions: 5,
  messageQueueSize: 6,
  messagesInPerSecond: 0,
  messagesOutPerSecond: 0,
  bytesOutPerSecond: 0,
  uptimeMs: 0,
  memory: { rssBytes: 1, heapUsedBytes: 1, externalBytes: 1 },
};

function fixture(storage: ReadinessCheck = async () => {}) {
  const clock = createTestClock(Date.UTC(2026, 0, 2, 3, 4, 5));
  const readiness = createReadiness({ checks: { storage }, clock });
  const metrics = createMetrics({ defaultMetrics: false });
  return { readiness, metrics, app: createHealth({ stats: () => STATS, readiness, metrics, clock }) };
}

describe("health pages", () => {
  test("/healthz answers ok while the process lives, ready or not", async () => {
    const { app } = fixture(() => Promise.reject(new Error("EIO")));
    const response = await app.request("/healthz");
    expect([response.status, await response.text()]).toEqual([200, "ok"]);
  });

  test("/readyz answers 200 with every check", async () => {
    const response = await fixture().app.request("/readyz");
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toMatchObject({
      ready: true,
      checks: { storage: { ok: true }, draining: { ok: true } },
    });
  });

  test("/readyz answers 503 and names what fails", async () => {
    const response = await fixture(() => Promise.reject(new Error("EIO"))).app.request("/readyz");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ ready: false, checks: { storage: { ok: false } } });
  });

  test("/readyz answers 503 as soon as the node drains", async () => {
    const { app, readiness } = fixture();
    await app.request("/readyz");
    readiness.startDraining();
    expect((await app.request("/readyz")).status).toBe(503);
  });

  test("/metrics answers in the format of Prometheus", async () => {
    const { app, metrics } = fixture();
    metrics.engine.connects.add();
    const response = await app.request("/metrics");
    expect(response.headers.get("content-type")).toBe(metrics.contentType);
    expect(await response.text()).toContain("plexline_connects_total 1\n");
  });

  test("/api/health has exactly the documented body", async () => {
    const response = await fixture().app.request("/api/health");
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(await response.json()).toEqual({
      status: "ok",
      timestamp: "2026-01-02T03:04:05.000Z",
      websocket: { connections: 3, rooms: 1 },
      activeConnections: 3,
      activeUsers: 2,
      messageQueueSize: 6,
    });
  });
});
