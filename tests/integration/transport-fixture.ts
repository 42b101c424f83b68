import { randomBytes } from "node:crypto";
import { connect, type Socket as NetSocket } from "node:net";
import { onTestFinished } from "vitest";
import { systemClock } from "../../packages/server/src/platform/clock.ts";
import type { UpgradeRequest } from "../../packages/server/src/platform/request.ts";
import type { Socket } from "../../packages/server/src/session/socket.ts";
import { silentLogger } from "../../packages/server/src/telemetry/log.ts";
import type { CloseReason } from "../../packages/server/src/transport/close-reason.ts";
import { createHttpServer, type HttpServerOptions } from "../../packages/server/src/transport/http-server.ts";
import type { TransportLimits } from "../../packages/server/src/transport/limits.ts";
import {
  createUpgradeHandler,
  type TakenTarget,
  type UpgradeHandler,
  type UpgradeOptions,
} from "../../packages/server/src/transport/upgrade.ts";

/** A connection as the server side sees it, with all that happened on it. */
export interface Taken {
  readonly socket: Socket;
  readonly request: UpgradeRequest;
  readonly target: TakenTarget;
  readonly messages: (string | Uint8Array)[];
  readonly closed: Promise<CloseReason>;
  /** How often onFlushed, onPong and onClose ran. */
  readonly counts: { flushed: number; pongs: number; closes: number };
  onMessage: (data: string | Uint8Array) => void;
}

type Overrides = Partial<Omit<UpgradeOptions, "limits">> & {
  limits?: Partial<TransportLimits>;
  http?: Partial<HttpServerOptions>;
};

/** An upgrade handler that records what it takes. */
export function createRecorder(overrides: Overrides = {}) {
  const taken: Taken[] = [];
  const waiting: ((taken: Taken) => void)[] = [];
  const upgrade: UpgradeHandler = createUpgradeHandler({
    nativePath: "/ws",
    endpoints: [],
    origin: { check: () => "ok" },
    clock: systemClock,
    log: silentLogger,
    onSocket(socket, request, target) {
      const record = createRecord(socket, request, target);
      const waiter = waiting.shift();
      if (waiter === undefined) taken.push(record);
      else waiter(record);
    },
    ...overrides,
    limits: { connectsPerAddress: { ratePerSecond: 1000, burst: 1000 }, ...overrides.limits },
  });
  const next = () =>
    new Promise<Taken>((resolve) => {
      const record = taken.shift();
      if (record === undefined) waiting.push(resolve);
      else resolve(record);
    });
  return { upgrade, next };
}

function createRecord(socket: Socket, request: UpgradeRequest, target: TakenTarget): Taken {
  const counts = { flushed: 0, pongs: 0, closes: 0 };
  const messages: (string | Uint8Array)[] = [];
  const { promise, resolve } = withResolvers<CloseReason>();
  const record: Taken = { socket, request, target, messages, counts, closed: promise, onMessage: () => {} };
  socket.attach({
    onMessage(data) {
      messages.push(typeof data === "string" ? data : Uint8Array.from(data));
      record.onMessage(data);
    },
    onPong: () => void counts.pongs++,
    onFlushed: () => void counts.flushed++,
    onClose(code, reason) {
      counts.closes++;
      resolve({ code, reason });
    },
  });
  return record;
}

export function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** A server of its own on a free port, closed when the test ends. */
export async function startTransport(overrides: Overrides = {}) {
  const recorder = createRecorder(overrides);
  const http = createHttpServer({
    fetch: () => new Response("hello"),
    upgrade: recorder.upgrade,
    log: silentLogger,
    ...overrides.http,
  });
  const listening = await http.listen(0, "127.0.0.1");
  onTestFinished(() => listening.close({ graceMs: 0 }));
  return { ...recorder, ...listening };
}

/** Resolves once `fact` holds, checking after each turn of the event loop. */
export async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setImmediate(resolve));
}

/** A client that speaks bytes. */
export interface RawClient {
  readonly socket: NetSocket;
  /** Status line and headers of the answer, or everything the server sent if it ended first. */
  readonly head: Promise<string>;
  /** All that arrived after the head. */
  received(): Buffer;
  /** Everything the server sent, once the connection is gone. */
  readonly ended: Promise<Buffer>;
  /** The close frame the server sent, once the connection is gone; null for none. */
  closeFrame(): Promise<CloseReason | null>;
}

export function rawConnect(port: number, opening: string | Uint8Array): RawClient {
  const socket = connect({ port, host: "127.0.0.1" });
  onTestFinished(() => void socket.destroy());
  let bytes = Buffer.alloc(0);
  const head = withResolvers<string>();
  const ended = withResolvers<Buffer>();
  const headEnd = () => bytes.indexOf("\r\n\r\n") + 4;
  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (headEnd() > 3) head.resolve(bytes.toString("latin1", 0, headEnd()));
  });
  socket.on("error", () => {}); // a server that cuts may reset; what arrived before is what counts
  socket.on("close", () => {
    head.resolve(bytes.toString("latin1"));
    ended.resolve(bytes);
  });
  socket.write(opening);
  return {
    socket,
    head: head.promise,
    ended: ended.promise,
    received: () => bytes.subarray(headEnd()),
    async closeFrame() {
      await ended.promise;
      return findCloseFrame(bytes.subarray(headEnd()));
    },
  };
}

/** The text of an upgrade request. */
export function upgradeText(path: string, headers: Record<string, string | string[]> = {}): string {
  const all: Record<string, string | string[]> = {
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    [value].flat().map((each) => `${name}: ${each}`),
  );
  return `GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}

/** A raw client whose upgrade to the native protocol has been accepted. */
export async function rawUpgrade(port: number): Promise<RawClient> {
  const client = rawConnect(port, upgradeText("/ws", { "Sec-WebSocket-Protocol": "plexline.v1" }));
  const head = await client.head;
  if (!head.startsWith("HTTP/1.1 101")) throw new Error(`Not upgraded: ${head}`);
  return client;
}

/** One frame as a client sends it. `first` is its first byte: FIN, reserved bits and opcode. */
export function clientFrame(first: number, payload: Uint8Array = Buffer.alloc(0), masked = true): Buffer {
  const length =
    payload.length < 126
      ? Buffer.from([payload.length])
      : payload.length < 65_536
        ? Buffer.from([126, payload.length >> 8, payload.length & 255])
        : Buffer.from([127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (payload.length >>> shift) & 255)]);
  if (!masked) return Buffer.concat([Buffer.from([first]), length, payload]);
  length[0]! |= 0x80;
  const mask = Buffer.from([1, 2, 3, 4]);
  const covered = Uint8Array.from(payload, (byte, index) => byte ^ mask[index % 4]!);
  return Buffer.concat([Buffer.from([first]), length, mask, covered]);
}

/** Walks the server's frames to the close frame. */
function findCloseFrame(bytes: Buffer): CloseReason | null {
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = bytes[at + 1]! & 0x7f;
    const header = short === 126 ? 4 : short === 127 ? 10 : 2;
    const length =
      short === 126
        ? bytes.readUInt16BE(at + 2)
        : short === 127
          ? Number(bytes.readBigUInt64BE(at + 2))
          : short;
    const payload = bytes.subarray(at + header, at + header + length);
    if ((bytes[at]! & 15) === 8)
      return { code: payload.readUInt16BE(0), reason: payload.toString("utf8", 2) };
    at += header + length;
  }
  return null;
}
