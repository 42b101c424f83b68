import { formatCursor } from "@plexline/features/stream";
import { createRunReader, type RunReader } from "@plexline/features/stream/reader";
import type { Position } from "@plexline/protocol";
import type { Person } from "../../../session/person.ts";
import { fetchPlaygroundToken } from "../../../session/playground-token.ts";
import { appendWireRow } from "../../../session/wire-rows.ts";
import type { LineState, RunSource, SourceListener } from "./run-source.ts";
import { toldBy } from "./session-message.ts";
import type { Way } from "./transports.ts";

const STATES: Readonly<Record<RunReader["status"]["state"], LineState>> = {
  connecting: "connecting",
  live: "connected",
  paused: "disconnected",
  closed: "ended",
  failed: "failed",
};
const TOKEN_RETRY_MIN_MS = 200;
const TOKEN_RETRY_MAX_MS = 2_000;

/** Reads a run over WebSocket, SSE or long-poll, and goes from one to the other. */
export function createReaderSource(
  person: Person,
  run: string,
  since: Position | null,
  way: Exclude<Way, "native">,
  listener: SourceListener,
): RunSource {
  const list = (direction: "in" | "out", type: string, fields: object) => {
    const [line, pretty] = [JSON.stringify(fields), JSON.stringify({ type, ...fields }, null, 2)];
    const row = { direction, type, topic: null, atMs: Date.now(), line: line === "{}" ? "" : line, pretty };
    listener.onWire((wire) => appendWireRow(wire, row));
  };
  /** What it sends over a WebSocket; the token is in the subprotocols and not shown. */
  class ListedSocket extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      list("out", "WebSocket", { path: pathOf(url) });
    }
    override send(data: string | BufferSource | Blob): void {
      const { type = "text", ...fields } = JSON.parse(String(data)) as { readonly type?: string };
      list("out", type, fields);
      super.send(data);
    }
  }
  const tokens = createPatientTokens(person);
  const reader = createRunReader({
    sessionId: run,
    token: tokens.next,
    optIn: way,
    ...(since === null ? {} : { cursor: formatCursor(since) }),
    WebSocket: ListedSocket,
    fetch: (input, init) => {
      const path = pathOf(input instanceof Request ? input.url : input);
      const body = typeof init?.body === "string" ? { body: JSON.parse(init.body) as unknown } : {};
      list("out", init?.method ?? "GET", { path, ...body });
      return fetch(input, init);
    },
  });
  const offs = [
    reader.on("transport", ({ to, from, reason }) => {
      listener.onWay(to);
      list("in", "transport", { to, from, reason });
    }),
    reader.on("status", (status) => {
      listener.onState(STATES[status.state]);
      listener.onTrouble(status.state === "failed" ? status.error.toBody() : null);
    }),
    reader.on("gap", ({ reason }) => {
      list("in", "gap", { reason });
      listener.onTold({ kind: "gap" });
    }),
    reader.on("close", () => listener.onTold({ kind: "end" })),
    reader.on("event", (event) => {
      const { type, sessionId: _, ...fields } = event;
      list("in", type, fields);
      const told = toldBy(event);
      if (told) listener.onTold(told);
    }),
  ];
  listener.onState("connecting");

  return {
    cancel: (reason) => reader.cancel(reason),
    steer: (text) => reader.steer(text),
    respond: (ask, data) => reader.respond(ask, data),
    switchTo: (next) => (next === "native" ? null : reader.switchTo(next)),
    drop: null,
    close() {
      for (const off of offs) off();
      tokens.stop();
      reader.close();
    },
  };
}

/**
 * Tokens of a server that may be away: they come from the same one that is read, and a reader takes a token that cannot be had for
 * one that is refused.
 */
function createPatientTokens(person: Person): { next(): Promise<string>; stop(): void } {
  let isStopped = false;
  let asking: Promise<string> | null = null;
  const ask = async (): Promise<string> => {
    for (let delayMs = TOKEN_RETRY_MIN_MS; ; delayMs = Math.min(TOKEN_RETRY_MAX_MS, 2 * delayMs)) {
      try {
        return (await fetchPlaygroundToken(person, undefined)).token;
      } catch (reason) {
        if (isStopped) throw reason;
        await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
  };
  return {
    next() {
      asking ??= ask().finally(() => {
        asking = null;
      });
      return asking;
    },
    stop() {
      isStopped = true;
    },
  };
}

function pathOf(url: string | URL): string {
  const { pathname, search } = new URL(url, window.location.href);
  return pathname + search;
}
