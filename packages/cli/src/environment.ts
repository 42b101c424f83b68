/** What the environment says; flags say the same and go before it. */
export interface Environment {
  readonly port?: number;
  readonly host?: string;
  readonly jwtSecret?: string;
  readonly jwksUrl?: string;
  readonly data?: string;
  readonly allowedOrigins: readonly string[];
  readonly logLevel?: LogLevel;
  readonly adminToken?: string;
  /** Names of variables that ask for something this version does not have. */
  readonly unsupported: readonly string[];
}

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Stores and brokers that are not built yet: somebody who names one must not believe that it is used. */
const UNSUPPORTED = ["DATABASE_URL", "REDIS_URL", "NATS_URL"];

/** Reads the variables of docs/configuration.md. Throws a CliError that names the variable. */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): Environment {
  const text = (name: string) => variables[name]?.trim() || undefined;
  const port = text("PORT");
  const level = text("LOG_LEVEL");
  return {
    ...defined("port", port === undefined ? undefined : parsePort(port, "PORT")),
    ...defined("host", text("HOST")),
    ...defined("jwtSecret", text("JWT_SECRET")),
    ...defined("jwksUrl", text("JWKS_URL")),
    ...defined("data", text("PLEXLINE_DATA")),
    allowedOrigins: (text("ALLOWED_ORIGINS") ?? "")
      .split(",")
      .map((origin) => origin.trim())
      .filter(Boolean),
    ...defined("logLevel", level === undefined ? undefined : parseLogLevel(level, "LOG_LEVEL")),
    ...defined("adminToken", text("ADMIN_TOKEN")),
    unsupported: UNSUPPORTED.filter((name) => text(name) !== undefined),
  };
}

/** A mistake of whoever started the command: told in two lines, without a stack. */
export class CliError extends Error {
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.name = "CliError";
    this.fix = fix;
  }
}

export function parsePort(text: string, name: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535 && text.trim() !== "") return port;
  throw new CliError(
    `${name} must be a port from 0 to 65535.`,
    `Set ${name} to a number; 0 picks a free port.`,
  );
}

export function parseLogLevel(text: string, name: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text.toLowerCase());
  if (level) return level;
  throw new CliError(`${name} is not a log level.`, `Use one of ${LOG_LEVELS.join(", ")}.`);
}

function defined<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
