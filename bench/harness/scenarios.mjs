// What is measured. A load names its connections, who of them publishes and how fast, in the generator's words.

const FAN_OUT = { rooms: 1, expect: 1_000, apart: true };
const OPEN = { ...FAN_OUT, connections: 1_050, senders: 50, warmupS: 0.8, measuredS: 2 };
const ROOMS = { rooms: 500, expect: 4, apart: false, connections: 2_000, senders: "all" };
const CLOSED = { warmupS: 0.5, measuredS: 1 };

const open = (rate) => ({
  name: `open-${rate}`,
  title: `Open loop, ${rate} messages/s × 1,000`,
  kind: "load",
  load: { ...OPEN, speed: ["--total-rate", String(rate)], deliveriesPerS: rate * 1_000 },
});

export const SCENARIOS = [
  {
    name: "fanout-1",
    title: "Fan-out 1 → 1,000, one message in flight",
    kind: "load",
    load: { ...FAN_OUT, ...CLOSED, connections: 1_001, senders: 1, speed: ["-W", "1"] },
  },
  {
    name: "fanout-16",
    title: "Fan-out 1 → 1,000, 16 messages in flight",
    kind: "load",
    load: { ...FAN_OUT, ...CLOSED, connections: 1_001, senders: 1, speed: ["-W", "16"] },
  },
  open(50),
  open(150),
  open(500),
  {
    name: "rooms",
    title: "500 rooms × 4, saturated",
    kind: "load",
    load: { ...ROOMS, ...CLOSED, speed: ["-W", "256"] },
  },
  {
    name: "rooms-rate",
    title: "500 rooms × 4, 10,000 messages/s",
    kind: "load",
    load: { ...ROOMS, warmupS: 0.8, measuredS: 2.5, speed: ["-R", "5"], deliveriesPerS: 40_000 },
  },
  {
    name: "half-load",
    title: "Fan-out 1 → 1,000 at half of what each one can do",
    kind: "half-load",
    load: { ...FAN_OUT, connections: 1_001, senders: 1, warmupS: 0.5, measuredS: 2 },
  },
  { name: "connects", title: "Connects, closed at once", kind: "connects", connections: 8_000 },
  { name: "idle", title: "Idle connections with one subscription", kind: "idle", from: 2_000, to: 10_000 },
];

/** What is not worth the time in some scenarios: variants that do the same there. */
const BASIC = ["ws-send", "socket.io", "nats", "plexline", "plexline@also"];

export function takesPart(scenario, { name }) {
  return scenario.kind === "load" || scenario.kind === "half-load" || BASIC.includes(name);
}
