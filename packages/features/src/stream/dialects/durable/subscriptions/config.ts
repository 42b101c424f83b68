import { malformed } from "./refusal.ts";
import { checkWebhookUrl } from "./webhook-url.ts";

/** What a subscription was made with, its fields always in this order. */
export interface SubscriptionConfig {
  readonly type: "webhook" | "pull-wake";
  readonly pattern: string | null;
  readonly streams: readonly string[];
  readonly webhookUrl: string | null;
  readonly wakeStream: string | null;
  readonly leaseMs: number;
  readonly description: string | null;
}

const LEASE_MS_DEFAULT = 30_000;
const LEASE_MS_MIN = 1_000;
const LEASE_MS_MAX = 600_000;
const STREAMS_MAX = 100;
const TEXT_MAX = 1_024;

/** Reads the body of a PUT. Throws ControlRefusal. */
export function readConfig(
  fields: Readonly<Record<string, unknown>>,
  { allowLoopback }: { readonly allowLoopback: boolean },
): SubscriptionConfig {
  const {
    type,
    pattern,
    streams,
    webhook,
    wake_stream,
    lease_ttl_ms = LEASE_MS_DEFAULT,
    description,
  } = fields;
  if (type !== "webhook" && type !== "pull-wake") throw malformed('type must be "webhook" or "pull-wake".');
  if (pattern === undefined && streams === undefined) throw malformed("pattern or streams must be given.");
  if (
    !Number.isInteger(lease_ttl_ms) ||
    Number(lease_ttl_ms) < LEASE_MS_MIN ||
    Number(lease_ttl_ms) > LEASE_MS_MAX
  )
    throw malformed(`lease_ttl_ms must be a whole number from ${LEASE_MS_MIN} to ${LEASE_MS_MAX}.`);
  const url = typeof webhook === "object" && webhook !== null && "url" in webhook ? webhook.url : undefined;
  return {
    type,
    pattern: pattern === undefined ? null : textOf(pattern, "pattern"),
    streams: streams === undefined ? [] : readPaths(streams),
    webhookUrl: type === "webhook" ? checkWebhookUrl(textOf(url, "webhook.url"), allowLoopback) : null,
    wakeStream: type === "pull-wake" ? textOf(wake_stream, "wake_stream") : null,
    leaseMs: Number(lease_ttl_ms),
    description:
      description === undefined || description === null ? null : textOf(description, "description"),
  };
}

/** Reads paths of streams: each once, sorted. */
export function readPaths(streams: unknown): readonly string[] {
  if (!Array.isArray(streams) || streams.length === 0 || streams.length > STREAMS_MAX)
    throw malformed(`streams must be 1 to ${STREAMS_MAX} paths.`);
  return [...new Set(streams.map((path) => textOf(path, "streams")))].sort();
}

function textOf(value: unknown, field: string): string {
  if (typeof value === "string" && value !== "" && value.length <= TEXT_MAX) return value;
  throw malformed(`${field} must be a text of 1 to ${TEXT_MAX} characters.`);
}
