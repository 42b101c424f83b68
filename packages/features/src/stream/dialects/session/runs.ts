import { PlexlineError, type Position, parseTopic } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import type { EnteredReader } from "../../policy/readers.ts";
import { parseOrder } from "../run/order.ts";
import { RunReader } from "../run/reader.ts";
import { asRefusal } from "../run/refusal.ts";
import type { Renderings } from "../run/rendering.ts";
import { readCursor } from "../run/standing.ts";
import { RunWriter } from "../run/writer.ts";
import {
  encodeAck,
  encodeError,
  orderMessageOf,
  type SessionMessage,
  SUBSCRIBE,
  sessionIdOf,
  UNSUBSCRIBE,
  wordsFor,
} from "./message.ts";

/** A run that a connection has joined, or is joining. */
interface JoinedRun {
  readonly reader: RunReader;
  readonly writer: RunWriter;
  /** Rejects if the client may not read it. */
  readonly joined: Promise<void>;
}

/** The runs of one connection. The engine bounds how many it may have. */
export class SessionRuns {
  readonly #ws: EndpointSession;
  readonly #topic: (sessionId: string) => string;
  readonly #renderings: Renderings;
  readonly #runs = new Map<string, JoinedRun>();
  readonly #counted: Pick<EnteredReader, "handed" | "gap"> | null;
  #isOver = false;

  constructor(
    ws: EndpointSession,
    topic: (sessionId: string) => string,
    renderings: Renderings,
    counted: Pick<EnteredReader, "handed" | "gap"> | null = null,
  ) {
    this.#counted = counted;
    this.#ws = ws;
    this.#topic = topic;
    this.#renderings = renderings;
  }

  /** Takes a message of one of `MESSAGE_TYPES`. Rejects with a PlexlineError, which is to be told. */
  async take(message: SessionMessage): Promise<void> {
    const sessionId = sessionIdOf(message.sessionId);
    if (message.type === UNSUBSCRIBE) return this.leave(sessionId);
    if (message.type === SUBSCRIBE) {
      const { cursor } = message;
      if (cursor !== undefined && cursor !== null && typeof cursor !== "string")
        throw new PlexlineError("PAYLOAD_INVALID", { message: "cursor must be text." });
      return this.join(sessionId, readCursor(cursor));
    }
    const order = parseOrder(orderMessageOf(message));
    const run = this.#runOf(sessionId);
    await run.joined;
    const done = await run.writer.write(order);
    this.#ws.send(encodeAck(sessionId, done));
  }

  /** Joins a run, or begins anew with it. Rejects with a PlexlineError. */
  join(sessionId: string, since: Position | null): Promise<void> {
    this.leave(sessionId);
    return this.#open(sessionId, since).joined;
  }

  leave(sessionId: string): void {
    this.#runs.get(sessionId)?.reader.leave();
    this.#runs.delete(sessionId);
  }

  /** The connection is over. */
  close(): void {
    this.#isOver = true;
    for (const { reader } of this.#runs.values()) reader.close();
    this.#runs.clear();
  }

  #runOf(sessionId: string): JoinedRun {
    return this.#runs.get(sessionId) ?? this.#open(sessionId, null);
  }

  #open(sessionId: string, since: Position | null): JoinedRun {
    const topic = parseTopic(this.#topic(sessionId), "The topic of the run");
    const forget = () => {
      if (this.#runs.get(sessionId) === run) this.#runs.delete(sessionId);
    };
    const reader = new RunReader(
      this.#ws,
      { topic, runId: sessionId },
      { words: wordsFor(sessionId), renderings: this.#renderings },
      {
        handed: (count) => this.#counted?.handed(count),
        gap: () => this.#counted?.gap(),
        ended(error) {
          forget();
          return encodeError(asRefusal(error), sessionId);
        },
        failed: (error) => {
          forget();
          reader.leave();
          if (!this.#isOver) this.#ws.send(encodeError(error, sessionId));
        },
      },
    );
    const joined = reader.begin(since).catch((error: unknown) => {
      forget();
      reader.leave();
      throw error;
    });
    const run: JoinedRun = { reader, writer: new RunWriter(this.#ws, topic), joined };
    this.#runs.set(sessionId, run);
    return run;
  }
}
