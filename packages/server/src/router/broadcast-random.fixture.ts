import {
  decodeBinaryMessage,
  encodeBinaryMessage,
  type Position,
  type SubscribeResult,
} from "@plexline/protocol";
import { BROADCAST_KIND, type RawClient, type TestServer } from "@plexline/testing";
import type { Storage } from "../storage/storage.ts";
import { decodeEntry } from "./entry.ts";

export const TOPIC = "pad:1";

/** A payload begins with its number, so that what was handed over can be compared with the log. */
export function payloadOf(id: number, bytes = 4): Uint8Array {
  const payload = new Uint8Array(Math.max(4, bytes));
  new DataView(payload.buffer).setUint32(0, id);
  return payload;
}

export function idOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}

/** What the log holds, in its order. */
export async function idsOfLog(storage: Storage): Promise<number[]> {
  const ids: number[] = [];
  for (;;) {
    const page = await storage.read(`default/${TOPIC}`, ids.length, { entriesMax: 1_000, bytesMax: 2 ** 30 });
    for (const entry of page.entries) {
      const { binary } = decodeEntry(TOPIC, entry);
      if (binary) ids.push(idOf(binary.payload));
    }
    if (ids.length >= page.head) return ids;
  }
}

/** Something that a follower has come to know, in the order of its arrival. */
type Fact =
  /** It has the entry with this number, because it was handed it or wrote it. */
  | { readonly has: number }
  /** It has been told that it has everything up to an offset. */
  | { readonly told: number }
  /** It begins with a state that holds everything up to an offset. */
  | { readonly loaded: number };

/**
 * Follows a topic over one connection after another, as an application does: it keeps what it was handed, and its
 * position is what `committed` said.
 */
export class Follower {
  readonly user: string;
  readonly facts: Fact[] = [];
  client!: RawClient;
  /** Its last subscribe: what the server needs for it could not be read or written. */
  wasRefused = false;
  #server: TestServer;
  #position: Position | undefined;
  #alias: number | undefined;
  #resume: string | undefined;
  #read = 0;
  #refs = 0;

  constructor(server: TestServer, user: string) {
    this.#server = server;
    this.user = user;
  }

  get isConnected(): boolean {
    return this.client !== undefined && this.client.closed === undefined;
  }

  get isSubscribed(): boolean {
    this.read();
    return this.#alias !== undefined;
  }

  async connect(): Promise<void> {
    const resume = this.#resume === undefined ? {} : { resume: this.#resume };
    this.client = await this.#server.connect(this.user, resume);
    await this.client.next("welcome");
    this.#alias = undefined;
    this.#read = 0;
  }

  /** Says where to go on; `isFresh` begins at the head with a state loaded there. */
  subscribe(isFresh: boolean): void {
    this.read();
    const since = isFresh ? undefined : this.#position;
    this.#refs += 1;
    this.client.send({ type: "subscribe", ref: this.#refs, topic: TOPIC, ...(since ? { since } : {}) });
  }

  /** Whether it could send: it did not if no reply has told it the alias. */
  send(id: number, bytes?: number): boolean {
    this.read();
    if (this.#alias === undefined || !this.isConnected) return false;
    const message = { alias: this.#alias, kind: BROADCAST_KIND.logged, payload: payloadOf(id, bytes) };
    this.facts.push({ has: id });
    this.client.send(encodeBinaryMessage(message) as Uint8Array<ArrayBuffer>);
    return true;
  }

  /** Takes note of what has arrived since. */
  read(): void {
    for (; this.#read < this.client.received.length; this.#read += 1) {
      const message = this.client.received[this.#read]!;
      if (message instanceof Uint8Array) {
        const { payload } = decodeBinaryMessage(message);
        this.facts.push({ has: idOf(payload) });
      } else if (message.type === "welcome") {
        this.#resume = message.resumeToken;
      } else if (message.type === "reply" && message.ok) {
        this.#subscribed(message.result as SubscribeResult);
      } else if (message.type === "reply") {
        this.wasRefused = true;
      } else if (message.type === "committed" && this.#position) {
        this.#position = { ...this.#position, offset: message.offset };
        this.facts.push({ told: message.offset });
      } else if (message.type === "gap") {
        throw new Error(`${this.user} was told of a gap: ${JSON.stringify(message)}`);
      }
    }
  }

  #subscribed({ alias, position, recovered }: SubscribeResult): void {
    this.#alias = alias;
    this.wasRefused = false;
    this.#position = position as Position;
    if (!recovered) this.facts.push({ loaded: this.#position.offset });
  }

  get offset(): number {
    return this.#position?.offset ?? 0;
  }

  /** The first claim that it did not have what it was told to have; null when all were true. */
  lie(log: readonly number[]): string | null {
    const held = new Set<number>();
    /** Everything up to here is held. */
    let reached = 0;
    for (const [index, fact] of this.facts.entries()) {
      if ("has" in fact) held.add(fact.has);
      else if ("loaded" in fact) for (const id of log.slice(0, fact.loaded)) held.add(id);
      else {
        const missing = log.slice(reached, fact.told).findIndex((id) => !held.has(id));
        if (missing !== -1)
          return `${this.user}, fact ${index}: told ${fact.told}, lacks ${reached + missing + 1}`;
        reached = Math.max(reached, fact.told);
      }
    }
    return null;
  }

  /** Offsets of entries that it was never handed. */
  lacks(log: readonly number[]): number[] {
    const held = new Set<number>();
    for (const fact of this.facts) {
      if ("has" in fact) held.add(fact.has);
      if ("loaded" in fact) for (const id of log.slice(0, fact.loaded)) held.add(id);
    }
    return log.flatMap((id, index) => (held.has(id) ? [] : [index + 1]));
  }
}
