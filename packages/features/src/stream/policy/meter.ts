import type { EndpointHost } from "@plexline/server";
import type { ReaderEnd } from "./readers.ts";
import { isRunTransport, type RunTransport } from "./transport-policy.ts";

/** What is counted of the readers of runs, by transport, so that a rollout can be watched. */
export interface ReaderMeter {
  opened(transport: RunTransport, query: URLSearchParams): void;
  closed(transport: RunTransport, reason: ReaderEnd): void;
  events(transport: RunTransport, count: number): void;
  gap(transport: RunTransport): void;
  refused(transport: RunTransport): void;
}

/** What clients may say of a handover; anything else is counted as `other`. */
const REASONS = ["policy", "fallback", "return", "manual"];

/** Registers the metrics. What clients say of themselves becomes one of a few words. */
export function createReaderMeter(metrics: EndpointHost["metrics"]): ReaderMeter {
  const readers = metrics.gauge({
    name: "run_readers",
    help: "Readers of runs that are connected; of long-poll those that are being answered.",
    labels: ["transport"],
  });
  const opened = metrics.counter({
    name: "run_readers_opened_total",
    help: "Readers of runs that came: fresh, or with a cursor.",
    labels: ["transport", "how"],
  });
  const closed = metrics.counter({
    name: "run_readers_closed_total",
    help: "Readers of runs that left: by the client, because the run was finished, by the policy, or by the server.",
    labels: ["transport", "reason"],
  });
  const events = metrics.counter({
    name: "run_events_total",
    help: "Events handed to readers of runs.",
    labels: ["transport"],
  });
  const gaps = metrics.counter({
    name: "run_gaps_total",
    help: "Gaps told to readers of runs.",
    labels: ["transport"],
  });
  const refused = metrics.counter({
    name: "run_transport_refused_total",
    help: "Readers of runs refused because their transport is off.",
    labels: ["transport"],
  });
  const handovers = metrics.counter({
    name: "run_handovers_total",
    help: "Handovers from one transport to another, as clients tell them.",
    labels: ["from", "to", "reason"],
  });
  return {
    opened(transport, query) {
      readers.with({ transport }).add(1);
      // Each further poll of a long-poll is of the same reader.
      if (transport === "long-poll" && query.has("cursor") && query.get("wait") !== "0") return;
      opened.with({ transport, how: query.get("cursor") ? "resumed" : "fresh" }).add();
      const from = query.get("from");
      if (!isRunTransport(from) || from === transport) return;
      const told = query.get("reason") ?? "";
      const reason = REASONS.includes(told) ? told : "other";
      handovers.with({ from, to: transport, reason }).add();
    },
    closed(transport, reason) {
      readers.with({ transport }).add(-1);
      if (transport !== "long-poll") closed.with({ transport, reason }).add();
    },
    events: (transport, count) => events.with({ transport }).add(count),
    gap: (transport) => gaps.with({ transport }).add(),
    refused: (transport) => refused.with({ transport }).add(),
  };
}
