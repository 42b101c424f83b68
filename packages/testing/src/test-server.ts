import { PlexlineError } from "@plexline/protocol";
import {
  type App,
  type Credentials,
  createMemoryStorage,
  createServer,
  type Endpoint,
  type Feature,
  type Principal,
  type ServerOptions,
  type Storage,
} from "@plexline/server";
import { createTestClock, type TestClock } from "./clock.ts";
import { createNetwork, type Link, type Network } from "./network.ts";
import { createSeededRandom, type SeededRandom } from "./random.ts";
import { createRawClient, type RawClient, type RawClientOptions } from "./raw-client.ts";

/** Turns of the event loop in which promises of one step settle. */
const TURNS_PER_STEP = 4;
/** Steps that one `settle` cuts its time into, at most. */
const STEPS_MAX = 200;

type Topics = Readonly<Record<string, Feature>>;

export interface TestServerOptions extends Partial<ServerOptions<Topics>> {
  readonly topics: Topics;
  /** Shared by several nodes of one test. Default: its own. */
  readonly clock?: TestClock;
  readonly seed?: number;
  /** How long a message travels, in milliseconds. Default 0. */
  readonly delayMs?: () => number;
}

export interface ConnectOptions extends RawClientOptions {
  /** A token of `issue`; default: a new one for the user. */
  readonly token?: string;
  /** Resume token of an earlier `welcome`. */
  readonly resume?: string;
}

/** A server in this process with a clock, a storage and a network that the test controls. */
export interface TestServer {
  readonly app: App<Topics>;
  readonly clock: TestClock;
  readonly random: SeededRandom;
  readonly storage: Storage;
  readonly network: Network;
  /** A token that the server accepts, for a user of the tenant `default` unless told otherwise. */
  issue(user: string, principal?: Partial<Principal>): string;
  /** Lets `ms` of virtual time pass and what is due happen, promises included. Default 0. */
  settle(ms?: number): Promise<void>;
  /** Opens a connection without saying hello; with `endpoint`, to that. */
  open(options?: ConnectOptions & { readonly endpoint?: Endpoint }): Promise<RawClient>;
  /** Opens a connection, says hello as the user and waits for `welcome`. */
  connect(user: string, options?: ConnectOptions): Promise<RawClient>;
  /** The network's side of a client's connection, to stall or cut. */
  linkOf(client: RawClient): Link;
  /** Starts another server on the same storage and clock, as after a restart of the process. */
  restart(): Promise<TestServer>;
  /** Closes the server; who is connected gets no grace unless told otherwise. */
  close(options?: { graceMs?: number }): Promise<void>;
}

/**
 * Starts a server for one test. Topics without a record are created for whoever asks first (`resources: "auto"`) unless
 * the options say otherwise; its tokens are those that `issue` made.
 *
 * @example
 * const server = await createTestServer({ topics: { board: channel("board:{id}", { history: {} }) } });
 * const ada = await server.connect("ada");
 * await ada.ask({ type: "subscribe", topic: "board:1" });
 */
export async function createTestServer(options: TestServerOptions): Promise<TestServer> {
  const { clock = createTestClock(), seed = 1, delayMs = () => 0, ...rest } = options;
  const random = createSeededRandom(seed);
  const storage = options.storage ?? createMemoryStorage({ random });
  const tokens = new Map<string, Principal>();
  const app = createServer<Topics>({
    resources: "auto",
    auth: { authenticate: async (credentials) => principalOf(tokens, clock, credentials) },
    ...rest,
    clock,
    random,
    storage,
  });
  await app.start();
  const server = new InProcessServer({ app, clock, random, storage, tokens, delayMs, options });
  return server;
}

async function settle(clock: TestClock, ms: number): Promise<void> {
  const stepMs = Math.max(1, Math.ceil(ms / STEPS_MAX));
  const untilMs = clock.monotonicMs() + ms;
  for (;;) {
    for (let turn = 0; turn < TURNS_PER_STEP; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(0);
    }
    const leftMs = untilMs - clock.monotonicMs();
    if (leftMs <= 0) return;
    clock.advance(Math.min(stepMs, leftMs));
  }
}

function principalOf(
  tokens: ReadonlyMap<string, Principal>,
  clock: TestClock,
  { token }: Credentials,
): Principal {
  if (token === undefined) throw new PlexlineError("TOKEN_MISSING");
  const principal = tokens.get(token);
  if (!principal) throw new PlexlineError("TOKEN_INVALID");
  if (principal.expiresAtMs !== undefined && clock.nowMs() >= principal.expiresAtMs)
    throw new PlexlineError("TOKEN_EXPIRED");
  return principal;
}

interface Parts extends Pick<TestServer, "app" | "clock" | "random" | "storage"> {
  readonly tokens: Map<string, Principal>;
  readonly delayMs: () => number;
  readonly options: TestServerOptions;
}

class InProcessServer implements TestServer {
  readonly app: App<Topics>;
  readonly clock: TestClock;
  readonly random: SeededRandom;
  readonly storage: Storage;
  readonly network: Network;
  readonly #parts: Parts;
  readonly #links = new Map<unknown, Link>();
  /** Where the connection being opened goes; undefined: the native protocol. */
  #endpoint: Endpoint | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.app = parts.app;
    this.clock = parts.clock;
    this.random = parts.random;
    this.storage = parts.storage;
    this.network = createNetwork({
      clock: parts.clock,
      delayMs: parts.delayMs,
      accept: (socket, request) => {
        const bearer = request.subprotocols.find((offer) => offer.startsWith("bearer."));
        const token = bearer?.slice("bearer.".length);
        const endpoint = this.#endpoint;
        parts.app.accept(
          socket,
          token === undefined ? { request } : { request, token, source: "subprotocol" },
          endpoint ? { kind: "endpoint", endpoint } : { kind: "native" },
        );
      },
    });
  }

  issue(user: string, principal: Partial<Principal> = {}): string {
    const token = `token-${this.#parts.tokens.size + 1}-of-${user}`;
    this.#parts.tokens.set(token, {
      id: user,
      kind: "user",
      tenant: "default",
      clearance: 0,
      claims: {},
      ...principal,
    });
    return token;
  }

  settle(ms = 0): Promise<void> {
    return settle(this.clock, ms);
  }

  async open(options: ConnectOptions & { readonly endpoint?: Endpoint } = {}): Promise<RawClient> {
    this.#endpoint = options.endpoint;
    const before = new Set(this.network.links);
    const bearer = options.token === undefined ? [] : [`bearer.${options.token}`];
    const socket = new this.network.WebSocket("ws://localhost/ws", ["plexline.v1", ...bearer]);
    const client = createRawClient(socket, { pump: () => this.settle(1), ...options });
    await client.opened();
    const link = [...this.network.links].find((candidate) => !before.has(candidate));
    if (link) this.#links.set(client, link);
    return client;
  }

  async connect(user: string, options: ConnectOptions = {}): Promise<RawClient> {
    const { token = this.issue(user), resume, ...rest } = options;
    const client = await this.open(rest);
    client.send({ type: "hello", token, ...(resume === undefined ? {} : { resume }) });
    await this.settle();
    return client;
  }

  linkOf(client: RawClient): Link {
    const link = this.#links.get(client);
    if (!link) throw new Error("This client was not opened here, or its connection was refused at once.");
    return link;
  }

  async restart(): Promise<TestServer> {
    await this.close();
    const { clock, storage, options, tokens, delayMs } = this.#parts;
    const seed = this.random.integer(2 ** 31);
    const next = await createTestServer({ ...options, clock, storage, seed, delayMs });
    for (const [token, principal] of tokens) (next as InProcessServer).#parts.tokens.set(token, principal);
    return next;
  }

  async close({ graceMs = 0 }: { graceMs?: number } = {}): Promise<void> {
    // The port of a server that stops is closed: nobody gets in any more.
    this.network.isDown = true;
    let isClosed = false;
    const closing = this.app.close({ graceMs }).finally(() => {
      isClosed = true;
    });
    while (!isClosed) await this.settle(1);
    await closing;
  }
}
