import { PlexlineError, type TemplateParams } from "@plexline/protocol";
import type { Decision, Operation, Principal } from "@plexline/server";
import { createKeptBytes, type KeptBytes } from "./kept-bytes.ts";
import { KEPT_BYTES_MAX } from "./snapshot-cache.ts";
import type { ScanLimits } from "./update/update-scan.ts";
import type { DocWorker } from "./worker/jobs.ts";
import { sharedDocWorker } from "./worker/worker-host.ts";

/** What a document's own `authorize` is asked. */
export interface DocAuthorizeRequest<Template extends string> {
  readonly principal: Principal;
  readonly topic: string;
  readonly params: TemplateParams<Template>;
}

/** Limits of documents. Each is a whole number of at least 1; PROTOCOL.md of documents tells what happens beyond it. */
export interface DocLimits {
  /** An update, in bytes. Default 1 MiB. */
  readonly updateBytesMax: number;
  /** An answer to the server's `sync-request`, in bytes. Default 64 MiB. */
  readonly syncBytesMax: number;
  /** Updates larger than this are checked in a worker thread, in bytes. Default 64 KiB. */
  readonly scanBytesMax: number;
  /** Structs of an update. Default 100,000. */
  readonly updateStructsMax: number;
  /** Client ids that an update has structs of. Default 1,000. */
  readonly updateClientsMax: number;
  /** Client ids that one subscription may bring into a document by updates. Default 64. */
  readonly newClientsMax: number;
  /** The same by its sync-responses. Default 10,000. */
  readonly syncClientsMax: number;
  /** Client ids of a document. Default 100,000. */
  readonly documentClientsMax: number;
  /** Nesting of values in content. Default 64. */
  readonly depthMax: number;
  /** Clock of a struct. Default 2^40. */
  readonly clockMax: number;
  /** Clocks that one struct without content may stand for. Default 2^24. */
  readonly fillerMax: number;
  /** Shared types of one update in each other; what the document holds around them does not count. Default 200. */
  readonly typeDepthMax: number;
  /** Somebody's awareness state, in bytes. Default 4,096. */
  readonly awarenessBytesMax: number;
  /** Client ids whose awareness one session may show. Default 8. */
  readonly awarenessIdsMax: number;
  /** Time after which the awareness of a lost connection is removed, in milliseconds. Default 5,000. */
  readonly awarenessLeaveAfterMs: number;
  /** Updates in a gap that wait in a document. Default 256. */
  readonly gapEntriesMax: number;
  /** Their bytes. Default 64 KiB. */
  readonly gapBytesMax: number;
  /** How long one of them waits, in milliseconds. Default 30,000. */
  readonly gapAgeMaxMs: number;
  /** Entries of the log after which it is folded into a snapshot. Default 500. */
  readonly compactAfterEntries: number;
  /** Bytes of the log after which it is folded into a snapshot. Default 1 MiB. */
  readonly compactAfterBytes: number;
}

/** The definition of a document. Everything is optional: `doc("page:{id}")` is a complete one. */
export interface DocOptions<Template extends string = string> extends Partial<DocLimits> {
  /** The application's own decision about one principal and document: a role, `false`, or `undefined` for the policy's. */
  readonly authorize?: (request: DocAuthorizeRequest<Template>) => Decision | Promise<Decision>;
  /**
   * What each role may do. Default: `controller` and `write` write, `viewer`, `read` and `comment` read; all of them show
   * their awareness. A role that may `publish` may also `call`, which is how an empty document is seeded.
   */
  readonly roles?: Readonly<Record<string, readonly Operation[]>>;
  /** Role of those for whom nothing names one. Default `controller`, or `viewer` when `roles` are given. */
  readonly defaultRole?: string;
  /** Does the heavy work. Default: worker threads for all documents of the process, started when they are needed; `createDocWorker`. */
  readonly worker?: DocWorker;
}

const READER = ["subscribe", "presence"] as const satisfies readonly Operation[];
const WRITER = ["subscribe", "publish", "presence"] as const satisfies readonly Operation[];

const DEFAULT_ROLES: Readonly<Record<string, readonly Operation[]>> = {
  controller: WRITER,
  write: WRITER,
  viewer: READER,
  read: READER,
  comment: READER,
};

export const DEFAULT_DOC_LIMITS: DocLimits = {
  updateBytesMax: 1024 * 1024,
  syncBytesMax: 64 * 1024 * 1024,
  scanBytesMax: 64 * 1024,
  updateStructsMax: 100_000,
  updateClientsMax: 1_000,
  newClientsMax: 64,
  syncClientsMax: 10_000,
  documentClientsMax: 100_000,
  depthMax: 64,
  clockMax: 2 ** 40,
  fillerMax: 2 ** 24,
  typeDepthMax: 200,
  awarenessBytesMax: 4_096,
  awarenessIdsMax: 8,
  awarenessLeaveAfterMs: 5_000,
  gapEntriesMax: 256,
  gapBytesMax: 64 * 1024,
  gapAgeMaxMs: 30_000,
  compactAfterEntries: 500,
  compactAfterBytes: 1024 * 1024,
};

/** A definition with its defaults filled in, without its types. */
export interface ResolvedOptions {
  readonly limits: DocLimits;
  readonly roles: Readonly<Record<string, readonly Operation[]>>;
  readonly defaultRole: string;
  readonly worker: DocWorker;
  /** What documents keep for those who are about to join. */
  readonly kept: KeptBytes;
  /** What an update may hold. */
  readonly updateScan: ScanLimits;
  /** What a sync-response may hold: it is bounded by its bytes and by the client ids that are new. */
  readonly syncScan: ScanLimits;
}

/** Fills in the defaults; throws a TypeError that names a mistake in the definition. */
export function resolveOptions(template: string, options: Omit<DocOptions, "authorize">): ResolvedOptions {
  const { worker = sharedWorker } = options;
  const roles = withCalls(options.roles ?? DEFAULT_ROLES);
  const defaultRole = options.defaultRole ?? (options.roles ? "viewer" : "controller");
  if (!Object.hasOwn(roles, defaultRole))
    throw new TypeError(
      `doc("${template}"): roles has no "${defaultRole}"; name one of them in defaultRole.`,
    );
  const limits = resolveLimits(template, options);
  const { depthMax, clockMax, fillerMax, typeDepthMax, updateStructsMax, updateClientsMax } = limits;
  const content = { depthMax, clockMax, fillerMax, typeDepthMax };
  return {
    limits,
    roles,
    defaultRole,
    worker,
    kept: createKeptBytes(KEPT_BYTES_MAX),
    updateScan: { ...content, structsMax: updateStructsMax, clientsMax: updateClientsMax },
    syncScan: { ...content, structsMax: limits.syncBytesMax, clientsMax: limits.documentClientsMax },
  };
}

/** Throws MESSAGE_TOO_LARGE for a message of more bytes than that. */
export function assertMessageBytes(bytes: number, bytesMax: number, setting: keyof DocLimits): void {
  if (bytes <= bytesMax) return;
  throw new PlexlineError("MESSAGE_TOO_LARGE", {
    message: `The message has ${bytes} bytes; the document takes ${bytesMax}.`,
    fix: `Send less at once, or raise ${setting} in the document's definition.`,
  });
}

/** The worker of the process, looked up when there is something to do: most servers start with documents that need none. */
const sharedWorker: DocWorker = {
  scan: (update, limits) => sharedDocWorker().scan(update, limits),
  fold: (job) => sharedDocWorker().fold(job),
};

/** Whoever may write may also write the first content, which is a call [DC21]. */
function withCalls(roles: ResolvedOptions["roles"]): ResolvedOptions["roles"] {
  const entries = Object.entries(roles).map(([role, operations]) => {
    const lacksCall = operations.includes("publish") && !operations.includes("call");
    return [role, lacksCall ? [...operations, "call"] : operations];
  });
  return Object.fromEntries(entries);
}

function resolveLimits(template: string, options: Partial<DocLimits>): DocLimits {
  const limits: Record<keyof DocLimits, number> = { ...DEFAULT_DOC_LIMITS };
  for (const name of Object.keys(DEFAULT_DOC_LIMITS) as (keyof DocLimits)[]) {
    const value = options[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 1)
      throw new TypeError(`doc("${template}"): ${name} must be a whole number of at least 1, not ${value}.`);
    limits[name] = value;
  }
  if (limits.syncBytesMax < limits.updateBytesMax)
    throw new TypeError(
      `doc("${template}"): syncBytesMax (${limits.syncBytesMax}) must not be less than updateBytesMax (${limits.updateBytesMax}).`,
    );
  return limits;
}
