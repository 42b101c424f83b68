/** A timer that can be cancelled. Cancelling twice, or after it ran, does nothing. */
export interface ClientTimer {
  cancel(): void;
}

/** Time as the client sees it; tests and simulators bring one they move by hand. */
export interface ClientClock {
  /** Wall clock, milliseconds since 1970; only for time stamps. */
  nowMs(): number;
  /** Milliseconds since some start. Never goes back; every duration is measured with it. */
  monotonicMs(): number;
  /** Runs `callback` once, after at least `delayMs`. */
  setTimer(callback: () => void, delayMs: number): ClientTimer;
}

/** Randomness as the client sees it. */
export interface ClientRandom {
  /** A number in [0, 1), for jitter. */
  next(): number;
  /** A URL-safe id with `bytes` bytes of entropy, for idempotency keys. */
  id(bytes: number): string;
}

/** What the client uses of a WebSocket. The browser's, Node's, `ws` and in-memory pairs have this shape. */
export interface WebSocketLike {
  binaryType: string;
  onopen: { call(event: unknown): void }["call"] | null;
  onmessage: { call(event: { readonly data: unknown }): void }["call"] | null;
  onclose: { call(event: { readonly code: number; readonly reason: string }): void }["call"] | null;
  onerror: { call(event: unknown): void }["call"] | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  /** Cuts the socket without the closing handshake, where the platform can. */
  terminate?(): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** The machine's clock. */
export const systemClock: ClientClock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(callback, delayMs) {
    const handle = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** The machine's randomness. */
export const systemRandom: ClientRandom = {
  next: () => Math.random(),
  id(bytes) {
    const random = crypto.getRandomValues(new Uint8Array(bytes));
    return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  },
};
