import type { WebSocketConstructor, WebSocketLike } from "@plexline/client";

/** What becomes of one frame. A frame that is held is delivered after the next one that gets through. */
export type FrameFate = "deliver" | "drop" | "duplicate" | "hold";

const STATE = { connecting: 0, open: 1, closed: 3 } as const;

/**
 * A WebSocket class whose connections lose, repeat and reorder single frames, which no real WebSocket does: for servers
 * that must repair what clients, proxies or they themselves got wrong. It also has the `readyState` that libraries look at.
 *
 * @param fate Asked about each frame, in both directions.
 */
export function withFrameFaults(
  WebSocket: WebSocketConstructor,
  fate: () => FrameFate,
): WebSocketConstructor {
  return class extends FaultyWebSocket {
    constructor(url: string, protocols: string[]) {
      super(new WebSocket(url, protocols), fate);
    }
  };
}

class FaultyWebSocket implements WebSocketLike {
  readonly OPEN = STATE.open;
  readyState: number = STATE.connecting;
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  readonly #inner: WebSocketLike;
  readonly #outgoing: Lane<string | Uint8Array<ArrayBuffer>>;

  constructor(inner: WebSocketLike, fate: () => FrameFate) {
    this.#inner = inner;
    this.#outgoing = new Lane(fate, (data) => inner.send(data));
    const incoming = new Lane<unknown>(fate, (data) => this.onmessage?.({ data }));
    inner.onopen = (event) => {
      this.readyState = STATE.open;
      this.onopen?.(event);
    };
    inner.onmessage = ({ data }) => incoming.pass(data);
    inner.onclose = (event) => {
      this.readyState = STATE.closed;
      this.onclose?.(event);
    };
    inner.onerror = (event) => this.onerror?.(event);
  }

  get binaryType(): string {
    return this.#inner.binaryType;
  }

  set binaryType(type: string) {
    this.#inner.binaryType = type;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#outgoing.pass(data);
  }

  close(code?: number, reason?: string): void {
    this.readyState = STATE.closed;
    this.#inner.close(code, reason);
  }

  terminate(): void {
    this.readyState = STATE.closed;
    this.#inner.terminate?.();
  }
}

/** One direction of a connection. */
class Lane<Frame> {
  readonly #fate: () => FrameFate;
  readonly #deliver: (frame: Frame) => void;
  #held: Frame[] = [];

  constructor(fate: () => FrameFate, deliver: (frame: Frame) => void) {
    this.#fate = fate;
    this.#deliver = deliver;
  }

  pass(frame: Frame): void {
    const fate = this.#fate();
    if (fate === "drop") return;
    if (fate === "hold") {
      this.#held.push(frame);
      return;
    }
    this.#deliver(frame);
    if (fate === "duplicate") this.#deliver(frame);
    const late = this.#held;
    this.#held = [];
    for (const one of late) this.#deliver(one);
  }
}
