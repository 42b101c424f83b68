import {
  type App,
  type Authenticator,
  adminPrincipal,
  createLogger,
  createServer,
  type Endpoint,
  type Feature,
  firstOf,
  jwt,
  type Logger,
  type ServerOptions,
  staticTokens,
} from "@plexline/server";
import type { PlexlineConfig } from "./config.ts";
import { type Environment, parsePort } from "./environment.ts";
import type { ServeFlags } from "./flags.ts";

export interface ServeOptions {
  readonly flags: ServeFlags;
  readonly environment: Environment;
  readonly config: PlexlineConfig;
  /** Defaults of the command: what neither file nor flags change unless they name it. */
  readonly defaults: Pick<ServerOptions<Readonly<Record<string, Feature>>>, "topics" | "auth" | "resources">;
  readonly directory: string;
  readonly endpoints: readonly Endpoint[];
  /** Topics that the endpoints keep what is theirs in; served whatever the file says. */
  readonly endpointTopics: Readonly<Record<string, Feature>>;
  /** A server is up, also again after a restart. What is returned is called before it goes down. */
  readonly onServing?: (app: App, log: Logger) => () => void;
}

/** How long a stop by signal may take. */
const GRACE_MS = 10_000;

/** A server that listens and stops by signal. */
export interface Serving {
  readonly url: string;
  /** Stops without grace and starts again on the same port and data, as a deploy would. */
  restart(): Promise<void>;
  /** Resolves when it has stopped; rejects when it could not be started again. */
  readonly stopped: Promise<void>;
}

/** Starts a server as flags, environment and configuration say, and stops it on SIGINT or SIGTERM. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { flags, environment, config, defaults, directory, endpoints, onServing } = options;
  const isTerminal = process.stderr.isTTY === true && flags.json !== true;
  // Standard output is for what was asked for: the banner, or the one line of --json.
  const log = createLogger({
    level: environment.logLevel ?? "info",
    pretty: isTerminal,
    destination: process.stderr,
  });
  if (environment.unsupported.length > 0) {
    log.warn(
      { action: "config.unsupported", variables: environment.unsupported },
      "Not used by this version.",
    );
  }
  const create = () =>
    createServer({
      ...defaults,
      directory,
      allowedOrigins: environment.allowedOrigins,
      ...(environment.adminToken === undefined ? {} : { adminToken: environment.adminToken }),
      ...config,
      topics: { ...(config.topics ?? defaults.topics), ...options.endpointTopics },
      endpoints: [...endpoints, ...(config.endpoints ?? [])],
      log,
    });
  const port = flags.port === undefined ? (environment.port ?? 3000) : parsePort(flags.port, "--port");
  const host = flags.host ?? environment.host ?? "127.0.0.1";
  let app = create();
  const { url } = await app.listen(port, host);
  let goDown = onServing?.(app, log);
  log.info({ action: "server.ready", url });
  /** What is starting or stopping: one after the other, so that a stop never meets a server that is not up yet. */
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    turn = turn.then(work);
    return turn;
  };
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  const restart = async () => {
    goDown?.();
    await app.close({ graceMs: 0 });
    app = create();
    await app.listen(Number(new URL(url).port), host);
    goDown = onServing?.(app, log);
    log.info({ action: "server.restarted", url });
  };
  const stop = (graceMs: number) => {
    goDown?.();
    return app.close({ graceMs });
  };
  return {
    url,
    // A server that does not come up again ends the command, as one that does not come up at first.
    restart: () => inTurn(restart).catch(fail),
    stopped: Promise.race([stopOnSignal((graceMs) => inTurn(() => stop(graceMs))), failed]),
  };
}

/** Stops gracefully at the first signal, at once at the second. */
function stopOnSignal(close: (graceMs: number) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let isStopping = false;
    const stop = () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      close(GRACE_MS).then(resolve, reject);
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
  });
}

/** Authenticates by the environment's key set or secret, and its administrator by `ADMIN_TOKEN`. */
export function authenticatorOf(environment: Environment, secret: string | undefined): Authenticator {
  const users =
    environment.jwksUrl === undefined ? jwt({ secret: secret ?? "" }) : jwt({ jwksUrl: environment.jwksUrl });
  const { adminToken } = environment;
  if (adminToken === undefined) return users;
  return firstOf([
    staticTokens([{ token: adminToken, principal: adminPrincipal() }], { allowWeakTokens: true }),
    users,
  ]);
}
