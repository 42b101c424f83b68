import { createHmac, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClientOptions, createClient, type PlexlineError } from "@plexline/client";
import { channel } from "@plexline/features/server";
import type { ClientMessage, ErrorBody, PushMessage, ServerMessage } from "@plexline/protocol";
import { type App, createLogger, createServer, jwt, type ServerOptions } from "@plexline/server";
import { expect, onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";

/** How long a test waits for a fact before it fails. */
const FACT = { timeout: 20_000, interval: 5 };
const CONNECTS = { ratePerSecond: 10_000, burst: 10_000 };
const SECONDS = 1_000;

/** Waits until `look` stops throwing, and returns what it gave. */
export function eventually<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(look, FACT);
}

/** An error as the client API tells it: what happened, why, and what to do about it. */
export function expectError(
  error: { readonly code: string; readonly message: string; readonly fix: string } | undefined,
  code: string,
): void {
  expect(error?.code).toBe(code);
  expect(error?.message).toMatch(/.{10,}/);
  expect(error?.fix).toMatch(/.{10,}/);
}

export type TestServer = Awaited<ReturnType<typeof startServer>>;
export type TestClient = ReturnType<TestServer["client"]>;

/** A server in this process on a free port, with a store of its own, gone when the test ends. */
export async function startServer(
  options: Partial<ServerOptions<App["topics"]>> = {},
  { port: wanted = 0 }: { readonly port?: number } = {},
) {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "plexline-server-")));
  const secret = randomUUID() + randomUUID();
  const secrets = new Set<string>([secret]);
  const log: string[] = [];
  const app: App = createServer({
    auth: jwt({ secret }),
    resources: "auto",
    directory,
    log: createLogger({ level: "debug", destination: { write: (line) => void log.push(line) } }),
    ...options,
    topics: { calm: channel("calm:{id}", { history: {} }), ...options.topics },
    transportLimits: { connects: CONNECTS, connectsPerAddress: CONNECTS, ...options.transportLimits },
  });
  const { port } = await app.listen(wanted);
  const url = `ws://127.0.0.1:${port}/ws`;
  const leave: (() => void)[] = [];
  onTestFinished(async () => {
    for (const close of leave) close();
    await app.close({ graceMs: 100 });
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  });

  /** A token that the server accepts, unless `overrides` spoil it. */
  function token(user: string, overrides: { expiresInMs?: number; secret?: string } = {}): string {
    const { expiresInMs = 600 * SECONDS, secret: key = secret } = overrides;
    const exp = Math.floor((Date.now() + expiresInMs) / SECONDS);
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: user, exp })}`;
    const signed = `${body}.${createHmac("sha256", key).update(body).digest("base64url")}`;
    secrets.add(signed);
    return signed;
  }

  function noteSecrets(message: { readonly type?: string; readonly resumeToken?: string }): void {
    if (message.type === "welcome" && message.resumeToken !== undefined) secrets.add(message.resumeToken);
  }

  /** A client of `user` whose sockets can be reached, and which remembers what it was told. */
  function client(user: string, overrides: Partial<ClientOptions> = {}) {
    const sockets: WebSocket[] = [];
    const closes: number[] = [];
    const errors: PlexlineError[] = [];
    const received: ServerMessage[] = [];
    class Recorded extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        sockets.push(this);
        this.on("close", (code) => closes.push(code));
      }
    }
    const made = createClient({
      url,
      WebSocket: Recorded as unknown as NonNullable<ClientOptions["WebSocket"]>,
      token: () => token(user),
      reconnect: { baseMs: 20, capMs: 200 },
      ...overrides,
    });
    made.on("error", (error) => errors.push(error));
    made.on("wire", ({ direction, message }) => {
      if (direction !== "in" || !("type" in message)) return;
      noteSecrets(message as ServerMessage);
      received.push(message as ServerMessage);
    });
    leave.push(() => made.close());
    return Object.assign(made, { sockets, closes, errors, received });
  }

  /** A socket that says what it likes. */
  function raw(options: { autoPong?: boolean } = {}) {
    const socket = new WebSocket(url, ["plexline.v1"], options);
    const messages: ServerMessage[] = [];
    const opened = new Promise<void>((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.on("error", reject); // once open, nobody waits for it any more
    });
    opened.catch(() => undefined);
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on("message", (data, isBinary) => {
      if (isBinary) return;
      const message = JSON.parse(data.toString()) as ServerMessage;
      noteSecrets(message);
      messages.push(message);
    });
    leave.push(() => socket.terminate());
    const send = (message: ClientMessage | object) => socket.send(JSON.stringify(message));
    const first = (matches: (message: ServerMessage) => boolean) =>
      eventually(() => {
        const found = messages.find(matches);
        if (found === undefined) throw new Error(`Not among ${JSON.stringify(messages)}.`);
        return found;
      });
    return {
      socket,
      messages,
      opened,
      closed,
      send,
      first,
      /** The error of the first message that refuses something with this code. */
      async refusal(code: string): Promise<ErrorBody> {
        const message = await first((one) => errorOf(one)?.code === code);
        return errorOf(message) as ErrorBody;
      },
      async hello(user: string): Promise<void> {
        await opened;
        send({ type: "hello", token: token(user) });
        await first(({ type }) => type === "welcome");
      },
    };
  }

  /** No line of the log, however detailed, shows what lets anybody in. */
  function expectNoSecrets(): void {
    const text = log.join("");
    expect(text).toContain("ws.");
    for (const word of secrets) expect(text).not.toContain(word);
  }

  return { app, url, port, directory, log, token, client, raw, expectNoSecrets };
}

function errorOf(message: ServerMessage): ErrorBody | undefined {
  return "error" in message ? message.error : undefined;
}

/** Two who have nothing to do with what happens to others on the server: one publishes, one receives. */
export async function startBystanders(server: TestServer) {
  const publisher = server.client("pub-bystander");
  const receiver = server.client("sub-bystander");
  const address = `calm:${randomUUID()}`;
  const received: PushMessage[] = [];
  const states: string[] = [];
  const topic = receiver.topic(address);
  topic.on("push", (push) => received.push(push));
  topic.on("gap", () => states.push("gap"));
  topic.subscribe();
  await topic.whenSubscribed();
  receiver.on("status", ({ state }) => states.push(state));
  let published = 0;

  /** Publishes without waiting; what is published arrives in this order. */
  function publish(): Promise<unknown> {
    published += 1;
    const accepted = publisher.topic(address).publish("marker", published);
    accepted.catch(() => undefined); // it does not arrive, which says more
    return accepted;
  }

  await publish();
  return {
    publish,
    /** Whatever happened, they go on: everything published arrived, in order, over the same connection. */
    async expectUndisturbed(): Promise<void> {
      await publish();
      await eventually(() => expect(received).toHaveLength(published));
      expect(received.map(({ payload }) => payload)).toEqual(received.map((_, index) => index + 1));
      expect(states).toEqual([]);
      expect(publisher.closes).toEqual([]);
    },
  };
}

/** Runs a case while bystanders look on; afterwards they have noticed nothing, and the log has no secrets. */
export async function beside(server: TestServer, work: () => Promise<void>): Promise<void> {
  const bystanders = await startBystanders(server);
  const during = bystanders.publish();
  await work();
  await during;
  await bystanders.expectUndisturbed();
  server.expectNoSecrets();
}

/** What the server answers to an upgrade that it refuses. */
export function refusedUpgrade(server: TestServer, headers: Record<string, string> = {}) {
  const socket = new WebSocket(server.url, ["plexline.v1"], { headers });
  return new Promise<{ status: number; body: { code: string; message: string; fix: string } }>(
    (resolve, reject) => {
      socket.on("error", () => undefined); // the refusal is told by the response
      socket.on("open", () => reject(new Error("It was let in.")));
      socket.on("unexpected-response", (_request, response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            body: JSON.parse(Buffer.concat(chunks).toString()),
          }),
        );
      });
    },
  );
}
