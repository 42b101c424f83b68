/** What happens on a socket. */
export interface SocketHandlers {
  onMessage(data: string | Uint8Array): void;
  /** A pong frame arrived. */
  onPong(): void;
  /** Buffered bytes went out: there may be room for more. */
  onFlushed(): void;
  /** The socket is gone; called exactly once. */
  onClose(code: number, reason: string): void;
}

/**
 * One open transport channel as a session sees it: the WebSocket transport and the in-memory pair implement it.
 * Text travels as string, binary as Uint8Array. After `close` or `terminate` nothing is delivered but `onClose`.
 */
export interface Socket {
  /** Bytes handed to `send` that the peer's transport has not taken yet. */
  readonly bufferedBytes: number;
  send(data: string | Uint8Array): void;
  /**
   * Sends several messages in one write if less than `bufferedBytesMax` is buffered; false, and nothing has happened, if
   * it cannot. The same array goes to many sockets, and does not change. Without it each message is sent by itself.
   */
  sendAll?(messages: readonly (string | Uint8Array)[], bufferedBytesMax: number): boolean;
  /**
   * A close tells the peer that it has everything. So what waits is handed over before one, and a connection that has lost
   * something is cut. Default: false, the close code tells.
   */
  readonly endMeansWhole?: boolean;
  /** Sends a ping frame of the transport; the peer's transport answers by itself. */
  ping(): void;
  /** Starts the closing handshake; the socket is cut if the peer does not answer. */
  close(code: number, reason: string): void;
  /** Cuts the socket at once. */
  terminate(): void;
  /** Stops and starts reading: how backpressure reaches the sender. */
  pause(): void;
  resume(): void;
  /** Changes the largest message accepted, once it is known who speaks. */
  setMessageBytesMax(bytes: number): void;
  /** Takes the socket over; called exactly once, at once. */
  attach(handlers: SocketHandlers): void;
}
