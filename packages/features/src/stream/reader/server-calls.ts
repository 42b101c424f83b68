import { PlexlineError } from "@plexline/protocol";
import { parseTransportPolicy, type TransportPolicy } from "../policy/transport-policy.ts";
import { endOf, lossOf } from "./http-end.ts";
import type { PostedResult } from "./outbound.ts";
import { type WireMessage, withQuery } from "./wire.ts";

/** What the server says somebody is to use. */
export interface ToldPolicy {
  readonly policy: TransportPolicy;
  /** Id of the user, as the server knows it. */
  readonly user?: string;
}

/** The requests of a reader besides its wires. */
export interface ServerCalls {
  /** Null where the server has no policy. Rejects with a PlexlineError. */
  policy(token: string | undefined): Promise<ToldPolicy | null>;
  /** Sends messages to the run. Rejects with a PlexlineError. */
  post(messages: readonly WireMessage[], token: string | undefined): Promise<readonly PostedResult[]>;
}

const NOT_SERVED = [404, 405, 501];

export function createServerCalls(
  fetch: typeof globalThis.fetch,
  urls: { readonly policy: URL; readonly stream: URL },
  sessionId: string,
): ServerCalls {
  const headersFor = (token: string | undefined): Record<string, string> =>
    token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const request = async (url: URL, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(url, { ...init, cache: "no-store" });
    } catch (reason) {
      throw lossOf(reason).error;
    }
  };
  return {
    async policy(token) {
      const response = await request(urls.policy, { headers: headersFor(token) });
      if (NOT_SERVED.includes(response.status)) return null;
      if (response.status !== 200) throw (await endOf(response)).error;
      const told = (await response.json()) as { readonly policy?: unknown; readonly user?: unknown };
      const user = typeof told.user === "string" ? { user: told.user } : {};
      return { policy: parseTransportPolicy(told.policy), ...user };
    },
    async post(messages, token) {
      const response = await request(withQuery(urls.stream, { sessionId }), {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headersFor(token) },
        body: JSON.stringify(messages),
      });
      const body = response.status === 200 ? response : response.clone();
      const { results } = (await body.json().catch(() => ({}))) as { readonly results?: unknown };
      const taken = Array.isArray(results) ? results.map(resultOf) : null;
      if (response.status === 200) {
        if (taken === null) throw new PlexlineError("INTERNAL");
        return taken;
      }
      const { error } = await endOf(response);
      // Those before the one that was refused were taken.
      if (error.retry === "later" && taken !== null) return taken;
      if (error.retry === "later") throw error;
      return [...(taken ?? []), error];
    },
  };
}

function resultOf(value: unknown): PostedResult {
  const { cursor, repeated, error } = (value ?? {}) as Record<string, unknown>;
  if (typeof cursor === "string") return { cursor, ...(repeated === true ? { repeated } : {}) };
  const body = error as Parameters<typeof PlexlineError.fromBody>[0] | undefined;
  return typeof body?.code === "string" ? PlexlineError.fromBody(body) : new PlexlineError("INTERNAL");
}
