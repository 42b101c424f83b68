import type { PlexlineError } from "@plexline/protocol";
import type { RunTransport, TransportPolicy } from "../policy/transport-policy.ts";

/** What a wire tells: an object of JSON with a type. */
export interface WireMessage {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** How a wire ended. */
export interface WireEnd {
  /**
   * `lost`: it may be opened again. `off`: the server's policy does not allow it. `finished`: the run is closed, and all of it
   * was told. `token`: the credentials were refused. `source`: whoever gives them could not. `forbidden`: nothing will change by
   * trying again.
   */
  readonly kind: "lost" | "off" | "finished" | "token" | "source" | "forbidden";
  readonly error: PlexlineError;
  /** The policy that it was refused by, where the server says it. */
  readonly policy?: unknown;
  readonly retryAfterMs?: number;
}

/** Is told what happens on a wire; nothing after its end. */
export interface WireObserver {
  /** Something arrived, if only a sign of life. */
  onAlive(): void;
  onMessage(message: WireMessage): void;
  onEnd(end: WireEnd): void;
}

/** One connection over which a run is read. */
export interface Wire {
  /** Sends a message to the server; absent where the wire has no such direction. */
  readonly send?: (message: WireMessage) => void;
  /** Ends it; the observer is told nothing more. */
  close(): void;
}

/** What a wire is opened with. */
export interface WireRequest {
  /** Everything that the URL needs: `sessionId`, `cursor` and, for a handover, from where and why. */
  readonly query: Readonly<Record<string, string>>;
  readonly token?: string;
  readonly ticket?: string;
}

export type OpenWire = (request: WireRequest, observer: WireObserver) => Wire;

/** How each transport is opened. */
export type Wires = Readonly<Partial<Record<RunTransport, OpenWire>>>;

/** Messages that say the policy. */
export interface PolicyMessage extends WireMessage {
  readonly type: "transport-policy";
  readonly policy: TransportPolicy;
}

/** The URL with a query. */
export function withQuery(url: URL, query: Readonly<Record<string, string>>): URL {
  const made = new URL(url);
  for (const [name, value] of Object.entries(query)) made.searchParams.set(name, value);
  return made;
}

/** The message in a text; null for what is none. */
export function parseWireMessage(text: string): WireMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isWireMessage(value) ? value : null;
}

export function isWireMessage(value: unknown): value is WireMessage {
  return typeof value === "object" && value !== null && typeof (value as WireMessage).type === "string";
}
