/** Sent when nothing else is, so that proxies and clients see that the line lives. */
export const HEARTBEAT = ":\n\n";
/** Silence after which the heartbeat is sent, in milliseconds. */
export const HEARTBEAT_MS = 15_000;

/** Headers with which nothing between the server and the client keeps events back. */
export const SSE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-cache, no-transform",
  "X-Accel-Buffering": "no",
};

/**
 * One event. JSON holds no line ends, so one line of data holds it. Without a cursor it is no place to come back to.
 */
export function sseEvent(json: string, cursor: string | null): string {
  return cursor === null ? `data: ${json}\n\n` : `id: ${cursor}\ndata: ${json}\n\n`;
}

/** Says when to come back, in milliseconds. */
export function sseRetry(retryMs: number): string {
  return `retry: ${Math.round(retryMs)}\n\n`;
}
