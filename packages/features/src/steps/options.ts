import type { TemplateParams } from "@plexline/protocol";
import type { Decision, HistoryOptions, Operation, Principal } from "@plexline/server";

/** What a steps document's own `authorize` is asked. */
export interface StepsAuthorizeRequest<Template extends string> {
  readonly principal: Principal;
  readonly topic: string;
  readonly params: TemplateParams<Template>;
}

/** Limits of steps documents. Each is a whole number of at least 1; PROTOCOL.md of steps tells what happens beyond it. */
export interface StepsLimits {
  /** Steps of a submit. Default 500. */
  readonly submitStepsMax: number;
  /** A step, in bytes of JSON. Default 128 KiB. */
  readonly stepBytesMax: number;
  /** The steps of a submit, in bytes of JSON. Default 256 KiB. */
  readonly submitBytesMax: number;
  /**
   * Nesting of objects and arrays in a step, the step itself counting as 1. Default 28: with what is around it in the answer
   * to `since` that is 32, the most that a message of the wire may have by default.
   */
  readonly depthMax: number;
  /** Steps of a page that `since` is answered with. Default 500. */
  readonly pageStepsMax: number;
  /** Their bytes of JSON. Default 256 KiB. */
  readonly pageBytesMax: number;
}

/** The definition of a steps document. Everything is optional: `steps("steps:{id}")` is a complete one. */
export interface StepsOptions<Template extends string = string> extends Partial<StepsLimits> {
  /** The application's own decision about one principal and document: a role, `false`, or `undefined` for the policy's. */
  readonly authorize?: (request: StepsAuthorizeRequest<Template>) => Decision | Promise<Decision>;
  /**
   * What each role may do: `publish` and `call` to write, `call` to read by version. Default: `controller` and `write`
   * write, `viewer`, `read` and `comment` read.
   */
  readonly roles?: Readonly<Record<string, readonly Operation[]>>;
  /** Role of those for whom nothing names one. Default `controller`, or `viewer` when `roles` are given. */
  readonly defaultRole?: string;
  /**
   * How many submits the log holds for subscribers that recover by position. The steps themselves are all kept, whatever
   * this says. Default: the newest 1,000, of at most 4 MiB.
   */
  readonly history?: Pick<HistoryOptions, "entriesMax" | "bytesMax" | "ageMaxMs">;
}

/** A definition with its defaults filled in. */
export interface ResolvedOptions {
  readonly limits: StepsLimits;
  readonly roles: Readonly<Record<string, readonly Operation[]>>;
  readonly defaultRole: string;
  readonly history: HistoryOptions;
}

const READER = ["subscribe", "call"] as const satisfies readonly Operation[];
const WRITER = ["subscribe", "publish", "call"] as const satisfies readonly Operation[];

const DEFAULT_ROLES: Readonly<Record<string, readonly Operation[]>> = {
  controller: WRITER,
  write: WRITER,
  viewer: READER,
  read: READER,
  comment: READER,
};

export const DEFAULT_STEPS_LIMITS: StepsLimits = {
  submitStepsMax: 500,
  stepBytesMax: 128 * 1024,
  submitBytesMax: 256 * 1024,
  depthMax: 28,
  pageStepsMax: 500,
  pageBytesMax: 256 * 1024,
};

/** Fills in the defaults; throws a TypeError that names a mistake in the definition. */
export function resolveOptions(template: string, options: Omit<StepsOptions, "authorize">): ResolvedOptions {
  const { roles = DEFAULT_ROLES, history = {} } = options;
  const defaultRole = options.defaultRole ?? (options.roles ? "viewer" : "controller");
  if (!Object.hasOwn(roles, defaultRole))
    throw new TypeError(
      `steps("${template}"): roles has no "${defaultRole}"; name one of them in defaultRole.`,
    );
  return {
    limits: resolveLimits(template, options),
    roles,
    defaultRole,
    history: { entriesMax: 1_000, bytesMax: 4 * 1024 * 1024, ...history },
  };
}

function resolveLimits(template: string, options: Partial<StepsLimits>): StepsLimits {
  const limits: Record<keyof StepsLimits, number> = { ...DEFAULT_STEPS_LIMITS };
  for (const name of Object.keys(DEFAULT_STEPS_LIMITS) as (keyof StepsLimits)[]) {
    const value = options[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 1)
      throw new TypeError(
        `steps("${template}"): ${name} must be a whole number of at least 1, not ${value}.`,
      );
    limits[name] = value;
  }
  return limits;
}
