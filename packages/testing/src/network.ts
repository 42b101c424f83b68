import type { WebSocketConstructor, WebSocketLike } from "@plexline/client";
import type { Clock, Socket, SocketHandlers, UpgradeRequest } from "@plexline/server";

export interface NetworkOptions {
  readonly clock: Clock;
  /** How long the next message travels, in milliseconds. Messages of one direction never overtake each other. */
  readonly delayMs: () => number;
  /** Takes over the server's end of a new connection; throws when nobody listens. */
  readonly accept: (socket: Socket, request: UpgradeRequest) => void;
}

/** When each end learns that a connection was cut, in milliseconds from now. Infinity: never by itself. */
export interface CutDelays {
  readonly clientAfterMs: number;
  readonly serverAfterMs: number;
}

/** One open connection, for a test to meddle with. */
export interface Link {
  /** The network between the two ends is gone: what travels is lost, and each end learns of it as 1006. */
  cut(learns: CutDelays): void;
  /** The client stops or starts taking messages: what the server sends piles up on the server's side. */
  stall(isStalled: boolean): void;
  readonly isOpen: boolean;
}

/** Connections between clients and a server in one process, whose wire the test controls. */
export interface Network {
  /** The WebSocket class for `createClient`. */
  readonly WebSocket: WebSocketConstructor;
  /** Connections that have reached the server and have not ended on both sides. */
  readonly links: ReadonlySet<Link>;
  /** While down, connecting fails after a delay. Connections that are open stay: cut them. */
  isDown: boolean;
}

/** Creates a network. Text and binary travel as they are; ordering is TCP's: per connection and direction. */
export function createNetwork(options: NetworkOptions): Network {
  const links = new Set<Link>();
  const network: Network = {
    isDown: false,
    links,
    WebSocket: class {
      constructor(_url: string, protocols: string[]) {
        // biome-ignore lint/correctness/noConstructorReturn: a WebSocket class is what clients expect to call.
        return connect(options, network, links, protocols);
      }
    } as unknown as WebSocketConstructor,
  };
  return network;
}

function connect(
  options: NetworkOptions,
  network: Network,
  links: Set<Link>,
  protocols: string[],
): WebSocketLike {
  const pair = new Pair(options.clock, options.delayMs, () => links.delete(pair));
  pair.toServer.carry(() => {
    if (!pair.isOpen) return;
    try {
      if (network.isDown) throw new Error("The network is down.");
      options.accept(pair.serverEnd, upgradeRequest(protocols));
    } catch {
      pair.refuse();
      return;
    }
    links.add(pair);
    pair.toClient.carry(() => pair.opened());
  });
  return pair.clientEnd;
}

function upgradeRequest(protocols: string[]): UpgradeRequest {
  return {
    method: "GET",
    path: "/ws",
    query: new URLSearchParams(),
    headers: { host: "localhost" },
    subprotocols: protocols,
    remoteAddress: "127.0.0.1",
    params: {},
  };
}

/** One direction of a connection: what is sent on it arrives in order, each thing after a delay of its own. */
class Direction {
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  #lastDueMs = 0;
  #isCut = false;

  constructor(clock: Clock, delayMs: () => number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  carry(arrive: () => void): void {
    const nowMs = this.#clock.monotonicMs();
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + this.#delayMs());
    this.#clock.setTimer(() => this.#isCut || arrive(), this.#lastDueMs - nowMs);
  }

  /** Nothing arrives any more. */
  cut(): void {
    this.#isCut = true;
  }
}

class Pair implements Link {
  readonly toServer: Direction;
  readonly toClient: Direction;
  readonly clientEnd: WebSocketLike;
  readonly serverEnd: Socket;
  readonly #clock: Clock;
  readonly #onGone: () => void;
  #handlers: SocketHandlers | null = null;
  #isCut = false;
  #serverClosed = false;
  #clientClosed = false;
  #bufferedBytes = 0;
  #isPaused = false;
  #isStalled = false;
  /** What has arrived at an end that does not read now. */
  #unreadByServer: (() => void)[] = [];
  #unreadByClient: (() => void)[] = [];

  constructor(clock: Clock, delayMs: () => number, onGone: () => void) {
    this.#clock = clock;
    this.#onGone = onGone;
    this.toServer = new Direction(clock, delayMs);
    this.toClient = new Direction(clock, delayMs);
    this.clientEnd = this.#makeClientEnd();
    this.serverEnd = this.#makeServerEnd();
  }

  get isOpen(): boolean {
    return !this.#isCut && !this.#serverClosed && !this.#clientClosed;
  }

  opened(): void {
    if (!this.#clientClosed) this.clientEnd.onopen?.({});
  }

  /** Nobody took the connection. */
  refuse(): void {
    this.#serverClosed = true;
    this.toClient.carry(() => this.#clientLost(1006, ""));
  }

  cut(learns: CutDelays): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.toServer.cut();
    this.toClient.cut();
    this.#unreadByClient = [];
    this.#unreadByServer = [];
    if (Number.isFinite(learns.clientAfterMs))
      this.#clock.setTimer(() => this.#clientLost(1006, ""), learns.clientAfterMs);
    if (Number.isFinite(learns.serverAfterMs))
      this.#clock.setTimer(() => this.#serverLost(1006, ""), learns.serverAfterMs);
    else this.#onGone();
  }

  stall(isStalled: boolean): void {
    this.#isStalled = isStalled;
    if (!isStalled) readOn(this.#unreadByClient, () => this.#isStalled);
  }

  #clientLost(code: number, reason: string): void {
    if (this.#clientClosed) return;
    this.#clientClosed = true;
    this.clientEnd.onclose?.({ code, reason });
  }

  #serverLost(code: number, reason: string): void {
    if (this.#serverClosed) return;
    this.#serverClosed = true;
    this.#onGone();
    this.#handlers?.onClose(code, reason);
  }

  #makeClientEnd(): WebSocketLike {
    return {
      binaryType: "arraybuffer",
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (data) => {
        if (!this.#clientClosed) this.toServer.carry(() => this.#arriveAtServer(() => this.#receive(data)));
      },
      close: (code = 1005, reason = "") => {
        if (this.#clientClosed) return;
        this.toServer.carry(() => this.#arriveAtServer(() => this.#serverLost(code, reason)));
        this.#clientLost(code, reason);
      },
      terminate: () => {
        if (this.#clientClosed) return;
        this.toServer.carry(() => this.#serverLost(1006, ""));
        this.#clientLost(1006, "");
      },
    };
  }

  #receive(data: string | Uint8Array): void {
    if (!this.#serverClosed) this.#handlers?.onMessage(data);
  }

  #arriveAtServer(read: () => void): void {
    if (this.#isPaused) this.#unreadByServer.push(read);
    else read();
  }

  #makeServerEnd(): Socket {
    const bufferedBytes = () => this.#bufferedBytes;
    return {
      get bufferedBytes() {
        return bufferedBytes();
      },
      send: (data) => {
        if (this.#serverClosed) return;
        const bytes = typeof data === "string" ? data.length : data.byteLength;
        this.#bufferedBytes += bytes;
        this.toClient.carry(() => this.#arriveAtClient(() => this.#show(data, bytes)));
      },
      ping: () => {
        this.toClient.carry(() => this.toServer.carry(() => this.#serverClosed || this.#handlers?.onPong()));
      },
      close: (code, reason) => {
        if (this.#serverClosed) return;
        this.toClient.carry(() => this.#arriveAtClient(() => this.#clientLost(code, reason)));
        this.#clock.setTimer(() => this.#serverLost(code, reason), 0);
      },
      terminate: () => {
        if (!this.#serverClosed) this.toClient.carry(() => this.#clientLost(1006, ""));
        this.#clock.setTimer(() => this.#serverLost(1006, ""), 0);
      },
      pause: () => {
        this.#isPaused = true;
      },
      resume: () => {
        this.#isPaused = false;
        readOn(this.#unreadByServer, () => this.#isPaused);
      },
      setMessageBytesMax: () => {},
      attach: (handlers) => {
        this.#handlers = handlers;
      },
    };
  }

  #arriveAtClient(read: () => void): void {
    if (this.#isStalled) this.#unreadByClient.push(read);
    else read();
  }

  #show(data: string | Uint8Array, bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (!this.#clientClosed) this.clientEnd.onmessage?.({ data });
    if (!this.#serverClosed) this.#handlers?.onFlushed();
  }
}

/** Reads what is there in order, until the reader stops again. */
function readOn(unread: (() => void)[], hasStopped: () => boolean): void {
  while (!hasStopped()) {
    const read = unread.shift();
    if (read === undefined) return;
    read();
  }
}
