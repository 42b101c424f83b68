import { PlexlineError } from "@plexline/protocol";
import type { WireEnd } from "./wire.ts";

const FINAL = [400, 403];

/** What an HTTP answer other than 200 means for a wire. */
export async function endOf(response: Response): Promise<WireEnd> {
  if (response.status === 204) return { kind: "finished", error: new PlexlineError("STREAM_CLOSED") };
  const body = await bodyOf(response);
  const error = errorOf(response, body);
  if (response.status === 401) return { kind: "token", error };
  if (response.status === 503 && body?.policy !== undefined)
    return { kind: "off", error, policy: body.policy };
  // What does not come from this server may be a proxy's, which another transport gets past.
  if (FINAL.includes(response.status) && body?.error !== undefined) return { kind: "forbidden", error };
  const seconds = Number(response.headers.get("Retry-After") ?? "");
  return { kind: "lost", error, ...(seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {}) };
}

/** What an HTTP answer that is none, or one in the middle of which the line broke, means for a wire. */
export function lossOf(reason: unknown): WireEnd {
  const message = `The connection was lost: ${reason instanceof Error ? reason.message : String(reason)}.`;
  return { kind: "lost", error: new PlexlineError("DISCONNECTED", { message, cause: reason }) };
}

interface ErrorAnswer {
  readonly error?: unknown;
  readonly policy?: unknown;
}

async function bodyOf(response: Response): Promise<ErrorAnswer | null> {
  try {
    const value: unknown = await response.json();
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}

function errorOf(response: Response, body: ErrorAnswer | null): PlexlineError {
  const { error } = body ?? {};
  if (typeof error === "object" && error !== null && "code" in error && "message" in error)
    return PlexlineError.fromBody(error as Parameters<typeof PlexlineError.fromBody>[0]);
  const message = `The server answered ${response.status} ${response.statusText}`.trim();
  return new PlexlineError(response.status === 401 ? "TOKEN_INVALID" : "DISCONNECTED", {
    message: `${message}.`,
  });
}
