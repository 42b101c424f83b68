import { PlexlineError } from "@plexline/protocol";

// Pure, and the same on both sides: what the server says somebody is to use, their client finds by itself.

/** The ways on which a run is read. */
export type RunTransport = "websocket" | "sse" | "long-poll";

/** All of them, those first that stand in for the preferred one first. */
export const RUN_TRANSPORTS: readonly RunTransport[] = ["sse", "long-poll", "websocket"];

/** Which transports readers of runs use: the server's word, for everybody. */
export interface TransportPolicy {
  /** Rises by one with each change. */
  readonly version: number;
  /** Those that are served at all; the others are switched off. */
  readonly allowed: readonly RunTransport[];
  readonly preferred: RunTransport;
  /** Share of users that get the preferred one, from 0 to 100, in steps of 0.01. */
  readonly percent: number;
  /** With another salt other users are among the share. */
  readonly salt: string;
}

/** All transports, and WebSocket for everybody. */
export const DEFAULT_TRANSPORT_POLICY: TransportPolicy = {
  version: 0,
  allowed: ["websocket", "sse", "long-poll"],
  preferred: "websocket",
  percent: 100,
  salt: "",
};

/** What decides for one reader, besides the policy. */
export interface TransportWishes {
  /** Id of the principal; the share is taken of users. */
  readonly user: string;
  /** What this user has asked for. */
  readonly optIn?: RunTransport | undefined;
  /** The application's flag: true for WebSocket, false for anything else, undefined for the policy's share. */
  readonly useWebSocket?: boolean | undefined;
}

const SALT_LENGTH_MAX = 64;
/** Steps in which a share is told apart. */
const STEPS = 10_000;

/**
 * The transport of one reader. What the policy does not allow is never chosen; of what it allows the user's own wish comes
 * first, then the application's flag, then the share.
 */
export function chooseTransport(policy: TransportPolicy, wishes: TransportWishes): RunTransport {
  const { optIn, useWebSocket, user } = wishes;
  const isAllowed = (transport: RunTransport) => policy.allowed.includes(transport);
  if (optIn !== undefined && isAllowed(optIn)) return optIn;
  if (useWebSocket === true && isAllowed("websocket")) return "websocket";
  if (useWebSocket === false) return standIn(policy, "websocket");
  if (isInShare(policy, user) && isAllowed(policy.preferred)) return policy.preferred;
  return standIn(policy, policy.preferred);
}

/** Those that may be tried one after the other when `wished` does not work. */
export function alternativesTo(policy: TransportPolicy, wished: RunTransport): readonly RunTransport[] {
  return RUN_TRANSPORTS.filter((one) => one !== wished && policy.allowed.includes(one));
}

/** Whether a user is among the share: with a higher percentage always again, and as likely as any other user. */
export function isInShare(
  { percent, salt }: Pick<TransportPolicy, "percent" | "salt">,
  user: string,
): boolean {
  return stepOf(`${salt}\n${user}`) < Math.round((percent / 100) * STEPS);
}

/**
 * Checks a policy that somebody gives.
 *
 * @throws PlexlineError PAYLOAD_INVALID that names the field.
 */
export function parseTransportPolicy(value: unknown): TransportPolicy {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("The policy must be an object.");
  const { version, allowed, preferred, percent, salt } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(version) || (version as number) < 0)
    throw invalid("version must be a whole number of at least 0.");
  if (!Array.isArray(allowed) || allowed.length === 0 || !allowed.every(isRunTransport))
    throw invalid(`allowed must be a list of at least one of ${RUN_TRANSPORTS.join(", ")}.`);
  if (!isRunTransport(preferred)) throw invalid(`preferred must be one of ${RUN_TRANSPORTS.join(", ")}.`);
  if (typeof percent !== "number" || !(percent >= 0 && percent <= 100))
    throw invalid("percent must be a number from 0 to 100.");
  if (typeof salt !== "string" || salt.length > SALT_LENGTH_MAX)
    throw invalid(`salt must be text of at most ${SALT_LENGTH_MAX} characters.`);
  return { version: version as number, allowed: [...new Set(allowed)], preferred, percent, salt };
}

export function isRunTransport(value: unknown): value is RunTransport {
  return RUN_TRANSPORTS.includes(value as RunTransport);
}

/** The first other transport that is allowed; the one itself where it is the only one. */
function standIn(policy: TransportPolicy, instead: RunTransport): RunTransport {
  return alternativesTo(policy, instead)[0] ?? instead;
}

/** One of 10,000 steps, evenly: FNV-1a over the UTF-16 code units, and a finalizer, without which similar ids lie close together. */
function stepOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  return Math.floor(((hash >>> 0) / 2 ** 32) * STEPS);
}

function invalid(message: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", {
    message,
    fix: 'Send {"version", "allowed", "preferred", "percent", "salt"}, with the version that is to be replaced.',
  });
}
