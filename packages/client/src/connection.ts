import {
  type BinaryMessage,
  type ClientMessage,
  decodeBinaryMessage,
  encodeBinaryMessage,
  PlexlineError,
  type ServerMessage,
  SUBPROTOCOL,
} from "@plexline/protocol";
import type { WebSocketConstructor, WebSocketLike } from "./platform.ts";

/** What one connection tells. After `onClose` nothing follows. */
export interface ConnectionHandlers {
  onOpen(): void;
  onMessage(message: ServerMessage): void;
  onBinary(message: BinaryMessage): void;
  /** `error` says why when the client itself gave the connection up. */
  onClose(code: number, reason: string, error?: PlexlineError): void;
}

/** The life of one socket: text in and out as messages, until it closes once. */
export class Connection {
  readonly #socket: WebSocketLike;
  #handlers: ConnectionHandlers | null;

  /** Throws what the WebSocket constructor throws. */
  constructor(WebSocket: WebSocketConstructor, url: string, handlers: ConnectionHandlers) {
    this.#handlers = handlers;
    const socket = new WebSocket(url, [SUBPROTOCOL]);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#handlers?.onOpen();
    socket.onmessage = (event) => this.#receive(event.data);
    // Stays for good: a socket closed while it connects reports an error, which some platforms throw when unheard.
    socket.onerror = () => {};
    socket.onclose = (event) => this.#detach()?.onClose(event.code, event.reason);
  }

  send(message: ClientMessage | BinaryMessage): void {
    const binary = "alias" in message;
    this.#socket.send(
      binary ? (encodeBinaryMessage(message) as Uint8Array<ArrayBuffer>) : JSON.stringify(message),
    );
  }

  /** Closes for good: 1000 tells the server not to keep the session. No handler is called any more. */
  end(): void {
    this.#detach();
    this.#socket.close(1000);
  }

  /** Gives the socket up as a network failure would. No handler is called any more, the session may be resumed. */
  cut(): void {
    this.#detach();
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
  }

  #receive(data: unknown): void {
    try {
      if (typeof data !== "string") {
        this.#handlers?.onBinary(decodeBinaryMessage(new Uint8Array(data as ArrayBuffer)));
        return;
      }
      // The server is trusted to keep to PROTOCOL.md; a full parser would be a third of the client.
      const message = JSON.parse(data) as ServerMessage | null;
      if (typeof message?.type !== "string") throw new PlexlineError("MALFORMED_MESSAGE");
      this.#handlers?.onMessage(message);
    } catch (cause) {
      // Listeners of the application cannot throw to here, so the message itself was bad.
      const handlers = this.#handlers;
      this.cut();
      handlers?.onClose(1006, "", PlexlineError.from(cause, "MALFORMED_MESSAGE"));
    }
  }

  #detach(): ConnectionHandlers | null {
    const handlers = this.#handlers;
    this.#handlers = null;
    return handlers;
  }
}
