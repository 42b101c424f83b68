import type { Clock } from "../platform/clock.ts";

/**
 * Fetches JSON from an address that the operator configured: no redirects, within `timeoutMs` for all of it, at most
 * `bytesMax` after decompression. Rejects with a plain Error otherwise.
 */
export async function fetchJson(
  url: URL,
  options: { timeoutMs: number; bytesMax: number; clock: Clock },
): Promise<unknown> {
  const abort = new AbortController();
  const timer = options.clock.setTimer(() => abort.abort(new Error("No answer in time.")), options.timeoutMs);
  try {
    const response = await fetch(url, {
      redirect: "error",
      signal: abort.signal,
      headers: { accept: "application/json" },
    });
    if (response.status !== 200) throw new Error(`The answer has status ${response.status}.`);
    return JSON.parse(await readText(response, options.bytesMax));
  } finally {
    timer.cancel();
    // Whatever was left unread lets go of its connection; after a complete answer this does nothing.
    abort.abort();
  }
}

async function readText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new Error(`The answer is larger than ${bytesMax} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
