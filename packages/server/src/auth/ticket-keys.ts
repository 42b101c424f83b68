import { PlexlineError } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import { ConflictError, type Storage } from "../storage/storage.ts";
import { isObject } from "./principal-parser.ts";

/** A key that tickets are signed with. */
export interface TicketKey {
  /** Travels with every ticket, so that the key is found again. */
  readonly id: string;
  /** 32 random bytes as base64url. */
  readonly secret: string;
  /** In milliseconds since 1970. */
  readonly createdAtMs: number;
}

/** The keys of all nodes that share a storage. */
export interface TicketKeys {
  /** The key to sign with: made and stored when there is none, or none that is new enough. */
  current(): Promise<TicketKey>;
  /** A key by its id; null when no node has it, any more or yet. */
  find(id: string): Promise<TicketKey | null>;
}

export interface TicketKeysOptions {
  readonly storage: Pick<Storage, "get" | "commit">;
  readonly clock: Clock;
  readonly random: Random;
  /** Longest life of a ticket, in milliseconds: a key that has been replaced is kept for longer than that. */
  readonly ticketTtlMaxMs: number;
}

const KEYS_KEY = "ticket-keys";
/** How long a key signs before it is replaced. */
const ROTATION_MS = 86_400_000;
/** How far apart the clocks of two nodes may be, for keeping a key that one of them still signs with. */
const CLOCKS_APART_MS = 3_600_000;
const SECRET_BYTES = 32;
const ID_BYTES = 6;

interface Known {
  /** Newest first. */
  readonly keys: readonly TicketKey[];
  /** Of the stored value; 0 when there is none. */
  readonly version: number;
}

/** Keeps the keys in storage, so that a ticket counts on every node and after a restart. Nothing is read before it is needed. */
export function createTicketKeys(options: TicketKeysOptions): TicketKeys {
  const { storage, clock, random, ticketTtlMaxMs } = options;
  let known: Known = { keys: [], version: 0 };
  let reading: Promise<void> = Promise.resolve();
  let nextReading: Promise<void> | null = null;

  /** Resolves after a read that began after the call. Callers share it: unknown ids cost one read at a time, however many. */
  function reload(): Promise<void> {
    nextReading ??= reading
      .catch(() => {})
      .then(() => {
        nextReading = null;
        reading = read();
        return reading;
      });
    return nextReading;
  }

  async function read(): Promise<void> {
    const stored = await storage.get(KEYS_KEY);
    known = stored ? { keys: decodeKeys(stored.value), version: stored.version } : { keys: [], version: 0 };
  }

  function fresh(): TicketKey | null {
    const [newest] = known.keys;
    return newest && clock.nowMs() < newest.createdAtMs + ROTATION_MS ? newest : null;
  }

  /** Puts a new key before those that tickets may still be signed with. */
  async function rotate(): Promise<void> {
    const nowMs = clock.nowMs();
    const made = { id: random.id(ID_BYTES), secret: random.id(SECRET_BYTES), createdAtMs: nowMs };
    const kept = known.keys.filter((_key, index) => {
      const replacedAtMs = known.keys[index - 1]?.createdAtMs ?? nowMs;
      return nowMs < replacedAtMs + ticketTtlMaxMs + CLOCKS_APART_MS;
    });
    const keys = [made, ...kept];
    const { version } = known;
    await storage.commit({
      checks: [{ key: KEYS_KEY, version }],
      puts: [{ key: KEYS_KEY, value: Buffer.from(JSON.stringify({ keys })) }],
    });
    known = { keys, version: version + 1 };
  }

  return {
    async current() {
      for (;;) {
        const before = fresh();
        if (before) return before;
        await reload();
        const read = fresh();
        if (read) return read;
        try {
          await rotate();
        } catch (error) {
          // Another node was first: its key is the one.
          if (!(error instanceof ConflictError)) throw error;
        }
      }
    },
    async find(id) {
      const byId = () => known.keys.find((key) => key.id === id);
      if (!byId()) await reload();
      return byId() ?? null;
    },
  };
}

function decodeKeys(bytes: Uint8Array): readonly TicketKey[] {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw damaged();
  }
  if (!isObject(value) || !Array.isArray(value.keys)) throw damaged();
  const keys: readonly unknown[] = value.keys;
  if (!keys.every(isTicketKey)) throw damaged();
  return keys;
}

function isTicketKey(value: unknown): value is TicketKey {
  if (!isObject(value)) return false;
  const { id, secret, createdAtMs } = value;
  const isSecret = typeof secret === "string" && Buffer.from(secret, "base64url").length === SECRET_BYTES;
  return typeof id === "string" && id !== "" && isSecret && Number.isFinite(createdAtMs);
}

function damaged(): PlexlineError {
  return new PlexlineError("STORAGE_UNAVAILABLE", { message: "The stored keys of tickets are damaged." });
}
