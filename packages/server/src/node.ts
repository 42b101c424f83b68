import { PlexlineError } from "@plexline/protocol";
import { acceptTickets } from "./auth/accept-tickets.ts";
import type { Credentials } from "./auth/authenticator.ts";
import { createAuthorizer } from "./auth/authorizer.ts";
import { SESSION_COOKIE } from "./auth/cookie-session.ts";
import { findCredentials } from "./auth/credentials.ts";
import { createOriginCheck } from "./auth/origin.ts";
import { allowOwn, ownPrincipal, ownTenant } from "./auth/own-principal.ts";
import { createRecordStore, type RecordStore } from "./auth/records.ts";
import { refuseRevoked } from "./auth/refuse-revoked.ts";
import { createRevocations, type Revocations } from "./auth/revocation.ts";
import { createTicketKeys } from "./auth/ticket-keys.ts";
import { createTickets } from "./auth/tickets.ts";
import { createMemoryBroker } from "./broker/memory.ts";
import { Engine, type Target } from "./engine.ts";
import type { Endpoint, EndpointHost } from "./feature/endpoint.ts";
import type { Feature } from "./feature/feature.ts";
import { createStorageCanary } from "./http/canary.ts";
import { createFetch } from "./http/fetch.ts";
import { createHealth } from "./http/health.ts";
import { createPages } from "./http/pages.ts";
import { openRequestSession } from "./http/request-session.ts";
import { createOpenStream } from "./http/stream-session.ts";
import { createTopicList } from "./http/topic-list.ts";
import { createTopicReset } from "./http/topic-reset.ts";
import { createIssueTicket } from "./http/topic-ticket.ts";
import { createMeter, createStatsSource } from "./meter.ts";
import type { ServerOptions } from "./options.ts";
import { systemClock } from "./platform/clock.ts";
import { resolveLimits } from "./platform/limits.ts";
import { systemRandom } from "./platform/random.ts";
import type { UpgradeRequest } from "./platform/request.ts";
import { createOwnTopic } from "./session/own-session.ts";
import { openEmbeddedStorage } from "./storage/embedded.ts";
import { meteredStorage } from "./storage/metered.ts";
import { silentLogger } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/prometheus.ts";
import { createReadiness } from "./telemetry/readiness.ts";
import { createStats, type Stats } from "./telemetry/stats.ts";
import { createHttpServer, type HttpServer, type Listening } from "./transport/http-server.ts";
import { TRANSPORT_LIMITS } from "./transport/limits.ts";
import { createUpgradeHandler } from "./transport/upgrade.ts";

/** Where the embedded store lives when nothing else is said. */
const DEFAULT_DIRECTORY = ".plexline";
const NATIVE_PATH = "/ws";

/** One running node: everything between the listening port and the disk, wired. */
export interface PlexlineNode {
  readonly engine: Engine;
  readonly http: HttpServer;
  readonly records: RecordStore;
  readonly revocations: Revocations;
  readonly listening: Listening[];
  readonly isClosing: boolean;
  stats(): Stats;
  close(graceMs: number): Promise<void>;
}

/** Opens the storage and wires everything on it. */
export async function startNode(
  options: ServerOptions<Readonly<Record<string, Feature>>>,
): Promise<PlexlineNode> {
  const {
    clock = systemClock,
    random = systemRandom,
    log = silentLogger,
    broker = createMemoryBroker(),
  } = options;
  const limits = resolveLimits(options.limits);
  const metrics = createMetrics({ defaultMetrics: options.clock === undefined });
  const directory = options.directory ?? DEFAULT_DIRECTORY;
  const opened = options.storage ?? (await openEmbeddedStorage({ directory, random, clock, log }));
  const storage = meteredStorage(opened, metrics.engine.commitMs, clock);
  const records = createRecordStore(storage);
  const revocations = await createRevocations({ storage, clock });
  const { ticketTtlMaxMs } = limits;
  const tickets = createTickets({
    keys: createTicketKeys({ storage, clock, random, ticketTtlMaxMs }),
    clock,
  });
  const authenticator = refuseRevoked(acceptTickets(options.auth, tickets), revocations);
  const authorizer = allowOwn(
    createAuthorizer({ records, mode: options.resources ?? "strict", clock, revocations }),
    records,
  );
  const engine = new Engine({
    topics: options.topics,
    storage,
    broker,
    authenticator,
    authorizer,
    clock,
    random,
    limits,
    log,
    meter: createMeter(metrics),
  });
  records.onChange((topic) => void engine.router.subscriptions.reauthorizeTopic(topic));
  revocations.onRevoked(() => engine.revoke((principal) => revocations.isRevoked(principal)));

  const host: EndpointHost = {
    ...{ clock, random, log, metrics },
    topic: (address) =>
      createOwnTopic(
        async () => {
          const principal = ownPrincipal(await ownTenant(records, address));
          return { router: engine.router, topic: address, principal, stopped: engine.stopped };
        },
        { clock, random },
      ),
  };
  for (const endpoint of options.endpoints ?? []) endpoint.start?.(host);

  const readiness = createReadiness({
    checks: { storage: createStorageCanary({ storage, node: random.id(6), clock }) },
    clock,
    log,
  });
  const stats = createStats({ source: createStatsSource(engine, metrics), clock });
  metrics.onScrape(() => {
    metrics.engine.sessions.set(engine.sessions.count);
    metrics.engine.subscriptions.set(engine.subscriptionCount);
  });

  const origin = createOriginCheck({
    allowedOrigins: options.allowedOrigins ?? [],
    allowedHosts: options.allowedHosts ?? [],
  });
  const cookie = options.cookie ?? SESSION_COOKIE;
  const credentialsOf = (request: UpgradeRequest, target: Target): Credentials => {
    const verdict = origin.judge(request.headers);
    const { tokenParameter, ticketParameter } =
      target.kind === "endpoint" ? target.endpoint : ({} as Partial<Endpoint>);
    return findCredentials(request, {
      cookie,
      originAllowed: verdict.allowed && verdict.cookies,
      ...(tokenParameter === undefined ? {} : { tokenParameter }),
      ...(ticketParameter === undefined ? {} : { ticketParameter }),
    });
  };
  const upgrade = createUpgradeHandler({
    nativePath: options.path ?? NATIVE_PATH,
    endpoints: (options.endpoints ?? []).filter((endpoint) => endpoint.onConnect ?? endpoint.onMessage),
    origin: {
      check(request) {
        const verdict = origin.judge(request.headers);
        return verdict.allowed ? "ok" : verdict.code;
      },
    },
    clock,
    log,
    limits: { messageBytesMax: limits.messageBytesMax, ...options.transportLimits },
    ...(options.trustProxy === undefined ? {} : { trustProxy: options.trustProxy }),
    ...(options.compression === undefined ? {} : { compression: options.compression }),
    overloaded: () => engine.connections.size >= limits.connectionsMax,
    onSocket: (socket, request, target) => void engine.accept(socket, credentialsOf(request, target), target),
  });
  let closing: Promise<void> | null = null;
  const { handlerTimeoutMs } = limits;
  const asking = { records, authorizer, registry: engine.registry, storage, clock, handlerTimeoutMs };
  const http = createHttpServer({
    fetch: createFetch({
      endpoints: options.endpoints ?? [],
      nativePath: options.path ?? NATIVE_PATH,
      origin,
      authenticator,
      open: (path, credentials, onClose) =>
        openRequestSession(
          (socket, shown, endpoint) => void engine.accept(socket, shown, { kind: "endpoint", endpoint }),
          path,
          credentials,
          onClose,
        ),
      stream: createOpenStream({
        accept: (socket, shown, endpoint) =>
          void engine.accept(socket, shown, { kind: "endpoint", endpoint }),
        refusal: () => {
          if (closing) return new PlexlineError("SHUTTING_DOWN");
          return engine.connections.size >= limits.connectionsMax ? new PlexlineError("OVERLOADED") : null;
        },
        clock,
        closeTimeoutMs: options.transportLimits?.closeTimeoutMs ?? TRANSPORT_LIMITS.closeTimeoutMs,
      }),
      topics: createTopicList(asking),
      reset: createTopicReset({ ...asking, liveTopics: engine.liveTopics }),
      ticket: createIssueTicket({ ...asking, tickets, limits, log }),
      cookie,
      fallback: createPages({
        health: createHealth({ stats, readiness, metrics, clock }),
        ...(options.adminToken === undefined
          ? {}
          : { admin: { records, revocations, token: options.adminToken } }),
      }),
    }),
    upgrade,
    log,
    ...(options.trustProxy === undefined ? {} : { trustProxy: options.trustProxy }),
  });

  const listening: Listening[] = [];
  const close = async (graceMs: number) => {
    readiness.startDraining();
    upgrade.drain();
    await engine.close(graceMs);
    await Promise.all(listening.map((one) => one.close({ graceMs: 1_000 })));
    authorizer.close();
    await broker.close();
    if (!options.storage) await opened.close();
  };
  return {
    engine,
    http,
    records,
    revocations,
    listening,
    get isClosing() {
      return closing !== null;
    },
    stats,
    close(graceMs) {
      closing ??= close(graceMs);
      return closing;
    },
  };
}
