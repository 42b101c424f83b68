import { createHmac } from "node:crypto";
import type { WebSocketLike } from "@plexline/client";
import {
  adminPrincipal,
  type Broker,
  createMemoryStorage,
  createServer,
  type Decision,
  firstOf,
  jwt,
  type MemoryStorage,
  staticTokens,
  systemRandom,
} from "@plexline/server";
import { createRawClient } from "@plexline/testing";
import { onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { combined } from "../../doc/dialects/combined/endpoint.ts";
import type { StreamOptions } from "../options.ts";
import { run } from "../server.ts";
import { agent, workflow } from "./agent/endpoint.ts";
import {
  type AgentStreamOptions,
  agentMessages,
  agentSession,
  agentStream,
  agentTickets,
  type TransportPolicyOptions,
  transportPolicy,
} from "./session/endpoint.ts";

// Runs on all wires, against a server as applications start it. What happens takes the time of the machine; tests wait for it.

const SECRET = "a secret for tests that is long enough to be taken";
const FACT = { timeout: 15_000, interval: 5 };
/** Waits until `look` stops throwing. */
export const eventually = <T>(look: () => T | Promise<T>) => vi.waitFor(look, FACT);

export function sign(user: string, claims: object = {}): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: user, exp: Date.now() / 1_000 + 600, ...claims })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

export interface RunsOptions {
  /** Roles by user; everybody else writes. Looked at for every question. */
  readonly roles?: Record<string, Decision>;
  readonly storage?: MemoryStorage;
  readonly port?: number;
  readonly run?: Omit<StreamOptions<"run:{id}">, "kind" | "contentType" | "fold">;
  readonly stream?: AgentStreamOptions;
  /** Serves a policy about the transports of readers, to be set with `ADMIN_TOKEN`. */
  readonly policy?: TransportPolicyOptions;
  readonly broker?: Broker;
}

export const ADMIN_TOKEN = "a key of an administrator for tests";

/** Starts a server of runs that ends with the test. */
export async function startRuns(options: RunsOptions = {}) {
  const { roles = {}, storage = createMemoryStorage({ random: systemRandom }) } = options;
  const policy = options.policy && transportPolicy(options.policy);
  const app = createServer({
    topics: {
      ...(policy ? { policy: policy.topic } : {}),
      run: run("run:{id}", {
        coalesceMs: 0,
        authorize: ({ principal }) => (principal.id in roles ? roles[principal.id] : "write"),
        ...options.run,
      }),
    },
    endpoints: [
      agent(),
      workflow(),
      agentSession(policy && { readers: policy.readers }),
      ...(policy ? [policy.endpoint] : []),
      agentTickets(),
      combined({ modules: [agentMessages()] }),
      agentStream({
        longPollTimeoutMs: 200,
        tokenParameter: "token",
        ...options.stream,
        ...(policy && { readers: policy.readers }),
      }),
    ],
    auth: firstOf([
      staticTokens([{ token: ADMIN_TOKEN, principal: adminPrincipal() }]),
      jwt({ secret: SECRET }),
    ]),
    ...(options.broker ? { broker: options.broker } : {}),
    storage,
  });
  const { port } = await app.listen(options.port ?? 0);
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await app.close({ graceMs: 100 });
  };
  onTestFinished(close);
  const url = `http://127.0.0.1:${port}`;
  const handles = new Map<string, ReturnType<typeof makeHandle>>();
  const makeHandle = (id: string) => app.stream("run", { id });
  /** The run for the server's own code, always the same producer. */
  const handle = (id: string) => {
    const known = handles.get(id) ?? makeHandle(id);
    handles.set(id, known);
    return known;
  };
  /** Changes a user's role, undefined for what the run's record says; who is there is asked again. */
  const setRole = async (user: string, role: Decision, run = "7") => {
    roles[user] = role;
    const record = { tenant: "default", clearance: 0, owner: "ada", editors: [], viewers: [] };
    await app.records.set({ topic: `run:${run}`, ...record, openToTenant: true });
  };
  return { app, port, url, storage, handle, setRole, close };
}

export type Told = Readonly<Record<string, unknown>> & {
  readonly type: string;
  /** Those that have one. */
  readonly cursor: string;
};

/** A plain WebSocket of a user, null for nobody, and everything that it was told. `first` is sent as soon as it is open. */
export async function openSocket(
  port: number,
  path: string,
  { user = "ada" as string | null, first = [] as readonly unknown[], claims = {} } = {},
) {
  const headers = user === null ? {} : { authorization: `Bearer ${sign(user, claims)}` };
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  onTestFinished(() => ws.terminate());
  const told: Told[] = [];
  const closed: { code: number; reason: string }[] = [];
  ws.on("message", (data) => void told.push(JSON.parse(String(data))));
  ws.on("close", (code, reason) => void closed.push({ code, reason: String(reason) }));
  ws.on("error", () => {});
  const send = (message: unknown) => ws.send(typeof message === "string" ? message : JSON.stringify(message));
  await new Promise<void>((resolve) =>
    ws.on("open", () => {
      for (const message of first) send(message);
      resolve();
    }),
  );
  const of = (type: string) => told.filter((message) => message.type === type);
  /** Types of what it was told, without those of who writes. */
  const types = () => told.map(({ type }) => type).filter((type) => !type.endsWith("producer"));
  const until = (count: number, type: string) =>
    eventually(() => {
      if (of(type).length < count) throw new Error(`${type}: ${JSON.stringify(told)}`);
      return of(type) as unknown as readonly [Told, ...Told[]];
    });
  /** Waits until all that it has sent has been looked at: what is asked last is answered last. */
  const marked = async () => {
    const before = of("pong").length;
    send({ type: "ping" });
    await until(before + 1, "pong");
  };
  return { ws, told, of, types, until, send, marked, closed };
}

/** The events of a body of server-sent events, as far as it has come. */
export async function openEvents(url: string, user = "ada", headers: Record<string, string> = {}) {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${sign(user)}`, ...headers },
    signal: abort.signal,
  });
  let text = "";
  let isDone = false;
  const decoder = new TextDecoder();
  const reading = (async () => {
    for await (const part of response.body ?? []) text += decoder.decode(part, { stream: true });
    isDone = true;
  })();
  reading.catch(() => {});
  const blocks = () =>
    text
      .split("\n\n")
      .slice(0, -1)
      .map((block) => {
        const lines = block.split("\n");
        const field = (name: string) =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        return { id: field("id"), data: field("data"), retry: field("retry") };
      });
  const told = () => blocks().flatMap(({ data }) => (data === undefined ? [] : [JSON.parse(data) as Told]));
  const until = (count: number, type: string) =>
    eventually(() => {
      const found = told().filter((message) => message.type === type);
      if (found.length < count) throw new Error(`${type}: ${text}`);
      return found;
    });
  return {
    response,
    blocks,
    told,
    until,
    text: () => text,
    isDone: () => isDone,
    ended: reading,
    abort: () => abort.abort(),
  };
}

/** One answer of a long-poll. */
export async function poll(url: string, user = "ada") {
  const response = await fetch(`${url}&live=long-poll`, {
    headers: { authorization: `Bearer ${sign(user)}` },
  });
  return (await response.json()) as {
    events: Told[];
    cursor: string;
    closed: boolean;
    upToDate: boolean;
  };
}

/** A producer of run 7 that attaches and appends, and then says nothing any more. */
export async function produceOnce(port: number, chunks: readonly unknown[], leaseMs: number): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, ["plexline.v1"]);
  const client = createRawClient(socket as unknown as WebSocketLike);
  await client.opened();
  client.send({ type: "hello", token: sign("ada") });
  await client.next("welcome");
  const call = (command: string, input: object) =>
    client.ask({ type: "call", topic: "run:7", command, input });
  await call("attach", { producer: "p", generation: 0, leaseMs });
  await call("append", { values: chunks, producer: { id: "p", generation: 0, sequence: 0 } });
  client.close();
}

/** Posts messages to `/api/stream`. */
export async function post(url: string, body: unknown, user = "ada") {
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${sign(user)}`, "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
