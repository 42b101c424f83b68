import type { Server as NodeServer } from "node:http";
import { PlexlineError, type PublishResult } from "@plexline/protocol";
import type { Credentials } from "./auth/authenticator.ts";
import { ownPrincipal, ownTenant } from "./auth/own-principal.ts";
import type { RecordStore } from "./auth/records.ts";
import type { Revocations } from "./auth/revocation.ts";
import { servicePrincipal } from "./auth/static-token.ts";
import type { Target } from "./engine.ts";
import type { Feature } from "./feature/feature.ts";
import { createApis, type FeatureApis } from "./feature-apis.ts";
import { type PlexlineNode, startNode } from "./node.ts";
import type { ServerOptions } from "./options.ts";
import { systemClock } from "./platform/clock.ts";
import { systemRandom } from "./platform/random.ts";
import { createOwnTopic } from "./session/own-session.ts";
import type { Socket } from "./session/socket.ts";
import type { Stats } from "./telemetry/stats.ts";
import type { Listening } from "./transport/http-server.ts";

/** Grace period of `close()`, in milliseconds. */
const GRACE_MS = 5_000;

/**
 * A Plexline server. Nothing happens before `start`, `listen` or `attach`. Features that have an API for the server's own code
 * add a method of their name: `app.stream("run", { id: "7" })`.
 */
export type App<Topics extends Readonly<Record<string, Feature>> = Readonly<Record<string, Feature>>> =
  CoreApp<Topics> & FeatureApis<Topics>;

/** What every server has, whatever its features. */
export interface CoreApp<
  Topics extends Readonly<Record<string, Feature>> = Readonly<Record<string, Feature>>,
> {
  /** The definitions it was created with; `createClient<App>` takes its types from them. */
  readonly topics: Topics;
  /** Opens the storage. `listen`, `attach` and `publish` do so by themselves. */
  start(): Promise<void>;
  /** Serves on a port of its own. Defaults: 3000 and 127.0.0.1; port 0 picks a free one. */
  listen(port?: number, host?: string): Promise<Listening>;
  /** Serves on a server that others use too; every path that is not ours stays theirs. Returns what undoes it. */
  attach(
    server: NodeServer,
    options?: {
      /** Path prefixes whose upgrades are all ours: what nothing stands at is answered 404. Default: the exact paths. */
      readonly prefixes?: readonly string[];
      /** Path prefixes whose HTTP requests are ours, e.g. those of endpoints. Default: none. */
      readonly requestPrefixes?: readonly string[];
    },
  ): Promise<() => void>;
  /**
   * Takes over a socket of another transport, e.g. an in-memory pair. Needs `start`.
   * @throws PlexlineError SHUTTING_DOWN once `close` was called: the socket stays the caller's.
   */
  accept(socket: Socket, credentials: Credentials, target?: Target): void;
  /** Publishes an event from the server's own code; resolves once it is durable, if the topic keeps a log. */
  publish(topic: string, event: string, payload: unknown, options?: { key?: string }): Promise<PublishResult>;
  /** A topic by its name in `topics`: `app.topic("board", { id: "7" }).publish("moved", { x: 1 })`. */
  topic(
    name: keyof Topics & string,
    params: Readonly<Record<string, string>>,
  ): { publish(event: string, payload: unknown, options?: { key?: string }): Promise<PublishResult> };
  stats(): Stats;
  /** Who may do what with which topic. Needs `start`. */
  readonly records: RecordStore;
  readonly revocations: Revocations;
  /**
   * Stops: readiness turns red, clients hear `goaway`, connections close with 1012, what is committed stays. Resolves
   * within `graceMs` (default 5,000) and a moment.
   */
  close(options?: { graceMs?: number }): Promise<void>;
}

/**
 * Creates a server from definitions.
 *
 * @example
 * const app = createServer({ topics: { board: channel("board:{id}", { presence: true }) }, auth: jwt({ secret }) });
 * const { url } = await app.listen(3000);
 */
export function createServer<const Topics extends Readonly<Record<string, Feature>>>(
  options: ServerOptions<Topics>,
): App<Topics> {
  let starting: Promise<PlexlineNode> | null = null;
  let node: PlexlineNode | null = null;
  const started = () => {
    starting ??= startNode(options).then((made) => {
      node = made;
      return made;
    });
    return starting;
  };
  const needed = (): PlexlineNode => {
    if (!node) throw new Error("The server has not been started: await app.start() first.");
    return node;
  };
  const publish: App["publish"] = async (topic, event, payload, { key } = {}) => {
    const { engine, records } = await started();
    const tenant = await ownTenant(records, topic);
    const request = { topic, event, payload, ...(key === undefined ? {} : { key }) };
    return engine.router.publishAs(servicePrincipal("server", tenant), tenant, request);
  };
  const apis = createApis(options.topics, (name, params) =>
    createOwnTopic(
      async () => {
        const { engine, records } = await started();
        const topic = engine.registry.address(name, params);
        const tenant = await ownTenant(records, topic);
        return { router: engine.router, topic, principal: ownPrincipal(tenant), stopped: engine.stopped };
      },
      { clock: options.clock ?? systemClock, random: options.random ?? systemRandom },
    ),
  );
  const core: CoreApp<Topics> = {
    topics: options.topics,
    start: async () => void (await started()),
    listen: async (port = 3000, host = "127.0.0.1") => {
      const server = await started();
      const listening = await server.http.listen(port, host);
      server.listening.push(listening);
      return listening;
    },
    attach: async (server, attachOptions) => (await started()).http.attach(server, attachOptions),
    accept: (socket, credentials, target = { kind: "native" }) => {
      const { engine, isClosing } = needed();
      if (isClosing) throw new PlexlineError("SHUTTING_DOWN");
      engine.accept(socket, credentials, target);
    },
    publish,
    topic: (name, params) => ({
      publish: async (event, payload, publishOptions) =>
        publish((await started()).engine.registry.address(name, params), event, payload, publishOptions),
    }),
    stats: () => needed().stats(),
    get records() {
      return needed().records;
    },
    get revocations() {
      return needed().revocations;
    },
    close: async ({ graceMs = GRACE_MS } = {}) => {
      if (starting) await (await starting).close(graceMs);
    },
  };
  // Defined on the object itself: `records` and `revocations` are getters, which a spread would read too early.
  return Object.assign(core, apis) as App<Topics>;
}
