import type { WebSocketConstructor, WebSocketLike } from "../../../packages/client/src/index.ts";

export interface JsonSocketOptions {
  readonly WebSocket: WebSocketConstructor;
  readonly url: string;
  readonly protocols?: readonly string[];
  readonly onOpen: () => void;
  readonly onMessage: (message: JsonMessage) => void;
  readonly onClose?: () => void;
}

/** A message of any of the dialects in JSON; each reads its own fields. */
export type JsonMessage = Readonly<Record<string, unknown>>;

/** What a page with a plain WebSocket has: one connection after the other, and nothing sent while there is none. */
export class JsonSocket {
  readonly #options: JsonSocketOptions;
  #socket: WebSocketLike | null = null;
  #isOpen = false;

  constructor(options: JsonSocketOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  connect(): void {
    if (this.#socket !== null) return;
    const { WebSocket, url, protocols = [], onOpen, onMessage } = this.#options;
    const socket = new WebSocket(url, [...protocols]);
    this.#socket = socket;
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#isOpen = true;
      onOpen();
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) onMessage(JSON.parse(String(data)) as JsonMessage);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#closed();
    };
  }

  disconnect(): void {
    const socket = this.#socket;
    if (socket === null) return;
    this.#closed();
    socket.close();
  }

  send(message: object): void {
    if (this.#isOpen) this.#socket?.send(JSON.stringify(message));
  }

  #closed(): void {
    this.#socket = null;
    this.#isOpen = false;
    this.#options.onClose?.();
  }
}
