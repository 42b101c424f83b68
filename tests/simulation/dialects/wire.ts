import type { WebSocketConstructor, WebSocketLike } from "../../../packages/client/src/index.ts";
import { type FrameFate, withFrameFaults } from "../../../packages/testing/src/frame-faults.ts";
import { addressOffer } from "../documents/address.ts";
import type { DocumentWorld } from "../documents/world.ts";

/** The network's WebSocket class, whose connections go where their URL says, and whose frames meet their fate. */
export function createWire({ network }: DocumentWorld, fate: () => FrameFate): WebSocketConstructor {
  const { WebSocket } = network;
  class Addressed {
    constructor(url: string, protocols: readonly string[] = []) {
      // biome-ignore lint/correctness/noConstructorReturn: a WebSocket class is what clients expect to call.
      return new WebSocket(url, [addressOffer(url), ...protocols]);
    }
  }
  return withFrameFaults(Addressed as unknown as WebSocketConstructor, fate);
}

type Listener = (event: unknown) => void;

/** A WebSocket class with events as platforms have them, which the published Hocuspocus provider listens to. */
export function withEvents(WebSocket: WebSocketConstructor): new (url: string) => unknown {
  return class extends EventedSocket {
    constructor(url: string) {
      super(new WebSocket(url, []));
    }
  };
}

class EventedSocket {
  readonly #socket: WebSocketLike & { readonly readyState?: number };
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(socket: WebSocketLike) {
    this.#socket = socket;
    socket.onopen = (event) => this.#emit("open", event);
    socket.onmessage = (event) => this.#emit("message", event);
    socket.onclose = (event) => this.#emit("close", event);
    socket.onerror = (event) => this.#emit("error", event);
  }

  get readyState(): number | undefined {
    return this.#socket.readyState;
  }

  addEventListener(name: string, listener: Listener): void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
  }

  removeEventListener(name: string, listener: Listener): void {
    this.#listeners.get(name)?.delete(listener);
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  #emit(name: string, event: unknown): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(event);
  }
}
