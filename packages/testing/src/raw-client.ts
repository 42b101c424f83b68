import type { WebSocketLike } from "@plexline/client";
import type { ClientMessage, ReplyMessage, ServerMessage } from "@plexline/protocol";

/** Rounds of waiting after which a message is taken for one that never comes. */
const ROUNDS_MAX = 2_000;
/** Longest wait for something to happen on a socket of the real world, in milliseconds. */
const REAL_WAIT_MS = 5_000;

type Typed<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

export interface RawClientOptions {
  /** Lets the world go on for a moment while the client waits. Default: until something happens on the socket. */
  readonly pump?: () => Promise<void>;
  /** Whether it answers `ping` by itself. Default true. */
  readonly answersPings?: boolean;
}

/** A client that does exactly what a test says, message by message, and keeps all it was sent. */
export interface RawClient {
  readonly socket: WebSocketLike;
  /** Everything received, oldest first; binary messages as bytes. */
  readonly received: readonly (ServerMessage | Uint8Array)[];
  /** How the connection ended; undefined while it has not. */
  readonly closed: { readonly code: number; readonly reason: string } | undefined;
  /** Whether the connection has opened. */
  readonly isOpen: boolean;
  /** Sends a message; text and bytes go out as they are, anything else as JSON. */
  send(message: ClientMessage | string | Uint8Array<ArrayBuffer> | Readonly<Record<string, unknown>>): void;
  /**
   * The oldest message of a type, and of the shape given, that has not been taken yet. Waits for it; rejects when the
   * connection has closed or nothing comes.
   */
  next<Type extends ServerMessage["type"]>(type: Type, shape?: Partial<Typed<Type>>): Promise<Typed<Type>>;
  /** Sends a request with a `ref` of its own and waits for its reply. */
  request(body: Readonly<Record<string, unknown>>): Promise<ReplyMessage>;
  /** The result of a request that must succeed; throws the error's code and text otherwise. */
  ask<Result = Record<string, unknown>>(body: Readonly<Record<string, unknown>>): Promise<Result>;
  /** Messages received of one type. */
  all<Type extends ServerMessage["type"]>(type: Type): Typed<Type>[];
  /** Waits until it has opened, even if it has closed since. */
  opened(): Promise<void>;
  /** Waits for the end of the connection and answers its code and reason. */
  ended(): Promise<{ readonly code: number; readonly reason: string }>;
  close(code?: number, reason?: string): void;
}

/**
 * Speaks `plexline.v1` by hand over any WebSocket: of the in-memory network, of `ws`, of a browser.
 *
 * @example
 * const client = createRawClient(new WebSocket(url, ["plexline.v1"]));
 * await client.opened();
 * client.send({ type: "hello", token });
 * const { sessionId } = await client.next("welcome");
 */
export function createRawClient(socket: WebSocketLike, options: RawClientOptions = {}): RawClient {
  return new ScriptedClient(socket, options);
}

class ScriptedClient implements RawClient {
  readonly socket: WebSocketLike;
  readonly received: (ServerMessage | Uint8Array)[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  isOpen = false;
  #hasOpened = false;
  readonly #pump: () => Promise<void>;
  readonly #answersPings: boolean;
  readonly #taken = new Set<ServerMessage | Uint8Array>();
  #wake: () => void = () => {};
  #lastRef = 0;

  constructor(socket: WebSocketLike, options: RawClientOptions) {
    this.socket = socket;
    this.#pump = options.pump ?? (() => this.#somethingHappens());
    this.#answersPings = options.answersPings ?? true;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.isOpen = true;
      this.#hasOpened = true;
      this.#wake();
    };
    socket.onmessage = ({ data }) => {
      this.#onData(data);
      this.#wake();
    };
    socket.onclose = ({ code, reason }) => {
      this.closed ??= { code, reason };
      this.isOpen = false;
      this.#wake();
    };
    socket.onerror = () => {};
  }

  send(message: Parameters<RawClient["send"]>[0]): void {
    const isRaw = typeof message === "string" || message instanceof Uint8Array;
    this.socket.send(isRaw ? message : JSON.stringify(message));
  }

  next<Type extends ServerMessage["type"]>(type: Type, shape: Partial<Typed<Type>> = {}) {
    return this.#until(`a "${type}" message`, () => {
      const found = this.all(type).find((message) => !this.#taken.has(message) && hasShape(message, shape));
      if (found) this.#taken.add(found);
      return found;
    });
  }

  async request(body: Readonly<Record<string, unknown>>): Promise<ReplyMessage> {
    this.#lastRef += 1;
    const ref = this.#lastRef;
    this.send({ ref, ...body });
    return this.next("reply", { ref } as Partial<ReplyMessage>);
  }

  async ask<Result>(body: Readonly<Record<string, unknown>>): Promise<Result> {
    const reply = await this.request(body);
    if (!reply.ok)
      throw new Error(`${String(body.type)} was refused: ${reply.error.code}: ${reply.error.message}`);
    return reply.result as Result;
  }

  all<Type extends ServerMessage["type"]>(type: Type): Typed<Type>[] {
    return this.received.filter(
      (message): message is Typed<Type> => !(message instanceof Uint8Array) && message.type === type,
    );
  }

  async opened(): Promise<void> {
    await this.#until("the connection to open", () => this.#hasOpened || undefined);
  }

  ended(): Promise<{ readonly code: number; readonly reason: string }> {
    return this.#until("the connection to close", () => this.closed);
  }

  close(code = 1000, reason = ""): void {
    this.socket.close(code, reason);
  }

  #onData(data: unknown): void {
    if (typeof data !== "string") {
      this.received.push(data instanceof ArrayBuffer ? new Uint8Array(data) : (data as Uint8Array));
      return;
    }
    const message = JSON.parse(data) as ServerMessage;
    this.received.push(message);
    if (message.type === "ping" && this.#answersPings) this.send({ type: "pong" });
  }

  async #until<Fact>(what: string, fact: () => Fact | undefined): Promise<Fact> {
    for (let rounds = 0; rounds < ROUNDS_MAX; rounds += 1) {
      const found = fact();
      if (found !== undefined) return found;
      if (this.closed)
        throw new Error(
          `Waited for ${what}; the connection closed: ${this.closed.code} ${this.closed.reason}`,
        );
      await this.#pump();
    }
    throw new Error(`Waited for ${what} in vain. Received: ${JSON.stringify(this.received.slice(-5))}`);
  }

  #somethingHappens(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`Nothing arrived for ${REAL_WAIT_MS} ms.`)),
        REAL_WAIT_MS,
      );
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Whether every field of the shape is in the message, and the same. */
function hasShape(message: object, shape: object): boolean {
  return Object.entries(shape).every(
    ([field, value]) => JSON.stringify((message as Record<string, unknown>)[field]) === JSON.stringify(value),
  );
}
