import type { TemplateParams } from "@plexline/protocol";
import type { Decision, HistoryOptions, Operation, Principal } from "@plexline/server";
import type { StreamKind } from "./protocol.ts";

/** What a stream's own `authorize` is asked. */
export interface StreamAuthorizeRequest<Template extends string> {
  readonly principal: Principal;
  readonly topic: string;
  readonly params: TemplateParams<Template>;
}

/** Limits of streams. Each is a whole number of at least 1; PROTOCOL.md of streams tells what happens beyond it. */
export interface StreamLimits {
  /** Values of an append. Default 1,000. */
  readonly appendChunksMax: number;
  /** A chunk, in bytes of JSON. Default 1 MiB. */
  readonly chunkBytesMax: number;
  /** Producers that a stream remembers. Default 64. */
  readonly producersMax: number;
  /** Pending requests, and as many open asks. Default 64. */
  readonly requestsMax: number;
  /** Data of a request or an ask, and the metadata, in bytes of JSON. Default 16 KiB. */
  readonly dataBytesMax: number;
  /** The fold that is told, in bytes of JSON. Default 1 MiB. */
  readonly foldBytesMax: number;
}

/** An entry of the log as a fold is given it. */
export interface FoldEvent {
  /** One of the events of PROTOCOL.md: `chunk`, `request`, `outcome`, `ask`, `producer` or `close`. */
  readonly event: string;
  readonly payload: unknown;
  readonly offset: number;
  readonly atMs?: number;
  /** Principal that it is attributed to. */
  readonly user?: string;
}

/**
 * The entries so far in one value of JSON. Pure: `apply` returns the next state and leaves the one before as it was. The
 * same entries must give the same state on every node, today and after an update of the application.
 */
export interface FoldDefinition<State> {
  /** Its name and version: a stored state of another one is not used. Default `""`. */
  readonly name?: string;
  initial(): State;
  apply(state: State, event: FoldEvent): State;
}

/** The definition of a stream. Everything is optional: `stream("stream:{path}")` is a complete one. */
export interface StreamOptions<Template extends string = string, State = unknown>
  extends Partial<StreamLimits> {
  /** What its chunks are, unless `create` says otherwise. Default `json`. */
  readonly kind?: StreamKind;
  /** Media type that HTTP tells. Default that of the kind. */
  readonly contentType?: string;
  /** The chunks so far in one value, for those who come late. Default: none is kept. */
  readonly fold?: FoldDefinition<State>;
  /** What of the log is kept. Default: the newest 100,000 entries, of at most 64 MiB. */
  readonly history?: Pick<HistoryOptions, "durability" | "entriesMax" | "bytesMax" | "ageMaxMs">;
  /** Time that chunks wait for each other under load, at most, in milliseconds: 0.2 for each reader. Default 40. */
  readonly coalesceMs?: number;
  /** How long an attached producer may be silent, in milliseconds, from 1 s to 1 h. Default 30,000. */
  readonly leaseMs?: number;
  /** The application's own decision about one principal and stream: a role, `false`, or `undefined` for the policy's. */
  readonly authorize?: (request: StreamAuthorizeRequest<Template>) => Decision | Promise<Decision>;
  /**
   * What each role may do: `publish` and `call` to write, `subscribe` and `call` to read. Default: `controller` and `write`
   * write, `viewer` and `read` read.
   */
  readonly roles?: Readonly<Record<string, readonly Operation[]>>;
  /** Role of those for whom nothing names one. Default `viewer`. */
  readonly defaultRole?: string;
}

/** A definition with its defaults filled in. */
export interface ResolvedOptions {
  readonly kind: StreamKind;
  readonly contentType: string;
  readonly fold: FoldDefinition<unknown> | undefined;
  readonly limits: StreamLimits;
  readonly leaseMs: number;
  readonly coalesceMs: number;
  readonly roles: Readonly<Record<string, readonly Operation[]>>;
  readonly defaultRole: string;
  readonly history: HistoryOptions & { readonly entriesMax: number; readonly bytesMax: number };
}

export const LEASE_MS_MIN = 1_000;
export const LEASE_MS_MAX = 3_600_000;

/** Media types of streams that name none. */
export const CONTENT_TYPES: Readonly<Record<StreamKind, string>> = {
  json: "application/json",
  text: "text/plain",
  bytes: "application/octet-stream",
};

const READER = ["subscribe", "call"] as const satisfies readonly Operation[];
const WRITER = ["subscribe", "publish", "call"] as const satisfies readonly Operation[];

const DEFAULT_ROLES: Readonly<Record<string, readonly Operation[]>> = {
  controller: WRITER,
  write: WRITER,
  viewer: READER,
  read: READER,
};

export const DEFAULT_STREAM_LIMITS: StreamLimits = {
  appendChunksMax: 1_000,
  chunkBytesMax: 1024 * 1024,
  producersMax: 64,
  requestsMax: 64,
  dataBytesMax: 16 * 1024,
  foldBytesMax: 1024 * 1024,
};

/** Fills in the defaults; throws a TypeError that names a mistake in the definition. */
export function resolveOptions<State>(
  template: string,
  options: Omit<StreamOptions<string, State>, "authorize">,
): ResolvedOptions {
  const { kind = "json", roles = DEFAULT_ROLES, defaultRole = "viewer", fold } = options;
  const mistake = (text: string) => new TypeError(`stream("${template}"): ${text}`);
  if (!Object.hasOwn(CONTENT_TYPES, kind))
    throw mistake(`kind must be "json", "text" or "bytes", not "${kind}".`);
  if (!Object.hasOwn(roles, defaultRole))
    throw mistake(`roles has no "${defaultRole}"; name one of them in defaultRole.`);
  const number = (name: string, value: number | undefined, byDefault: number, min = 1, max?: number) => {
    if (value === undefined) return byDefault;
    if (Number.isSafeInteger(value) && value >= min && value <= (max ?? value)) return value;
    const range = max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;
    throw mistake(`${name} must be a whole number ${range}, not ${value}.`);
  };
  const limits: Record<keyof StreamLimits, number> = { ...DEFAULT_STREAM_LIMITS };
  for (const name of Object.keys(limits) as (keyof StreamLimits)[])
    limits[name] = number(name, options[name], limits[name]);
  return {
    kind,
    contentType: options.contentType ?? CONTENT_TYPES[kind],
    // What one fold makes is only ever given to that fold.
    fold: fold as FoldDefinition<unknown> | undefined,
    limits,
    leaseMs: number("leaseMs", options.leaseMs, 30_000, LEASE_MS_MIN, LEASE_MS_MAX),
    coalesceMs: number("coalesceMs", options.coalesceMs, 40, 0, 60_000),
    roles,
    defaultRole,
    history: {
      ...options.history,
      entriesMax: number("history.entriesMax", options.history?.entriesMax, 100_000),
      bytesMax: number("history.bytesMax", options.history?.bytesMax, 64 * 1024 * 1024),
    },
  };
}
