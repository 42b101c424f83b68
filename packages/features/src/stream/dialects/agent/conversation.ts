import { closeReason, PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { type OrderMessage, parseOrder } from "../run/order.ts";
import { RunReader } from "../run/reader.ts";
import { closeCodeFor, isDenial } from "../run/refusal.ts";
import type { Renderings } from "../run/rendering.ts";
import { RunWriter } from "../run/writer.ts";
import {
  DENIED,
  encodeAck,
  encodeAgentError,
  encodeStranger,
  PONG,
  parseAgentMessage,
  wordsFor,
} from "./message.ts";

/** What is said to somebody without a session. */
export const UNAUTHORIZED = { code: 4401, reason: "Unauthorized" } as const;

/** What a connection is about. */
export interface AgentPlace {
  readonly runId: string;
  readonly topic: string;
  /** Null for a newcomer. */
  readonly since: Position | null;
  readonly renderings: Renderings;
}

/** One connection of a client of a run. */
export interface Conversation {
  /** Tells where the run stands, and follows it. */
  begin(): Promise<void>;
  hear(message: string | Uint8Array): Promise<void>;
  /** The connection is over. */
  close(): void;
}

export function createConversation(ws: EndpointSession, place: AgentPlace): Conversation {
  const { runId, topic, since, renderings } = place;
  const writer = new RunWriter(ws, topic);
  let isOver = false;
  let reader: RunReader | null = null;
  /** The join that is under way, which messages wait for. */
  let joining: Promise<boolean> | null = null;

  const end = (error: PlexlineError): void => {
    isOver = true;
    reader?.close();
    if (error.retry === "new-token") {
      ws.close(UNAUTHORIZED.code, UNAUTHORIZED.reason);
      return;
    }
    ws.send(encodeAgentError(error, undefined));
    ws.close(closeCodeFor(error), closeReason(error.code, error.message));
  };
  /** Whether the client may read the run; if not it has not been told so yet. */
  const join = async (from: Position | null): Promise<boolean> => {
    const joined = new RunReader(
      ws,
      { topic, runId },
      { words: wordsFor(runId), renderings },
      {
        ended(error) {
          reader = null;
          return isDenial(error) ? DENIED : encodeAgentError(error, undefined);
        },
        failed(error) {
          if (!isOver) end(error);
        },
      },
    );
    try {
      await joined.begin(from);
      reader = joined;
      return true;
    } catch (reason) {
      joined.leave();
      const error = PlexlineError.from(reason, "HANDLER_FAILED");
      if (isDenial(error)) return false;
      throw error;
    }
  };
  const joinAgain = (): Promise<boolean> => {
    joining ??= join(null).finally(() => {
      joining = null;
    });
    return joining;
  };
  const take = async (message: OrderMessage): Promise<void> => {
    const order = parseOrder(message);
    // Each message asks again: access may have been given since.
    if (reader === null && !(await joinAgain())) return ws.send(DENIED);
    ws.send(encodeAck(await writer.write(order)));
  };

  return {
    async begin() {
      try {
        if (await join(since)) return;
        ws.send(encodeStranger(runId));
        ws.send(DENIED);
      } catch (reason) {
        end(PlexlineError.from(reason, "HANDLER_FAILED"));
      }
    },
    async hear(text) {
      if (isOver) return;
      let message: OrderMessage | undefined;
      try {
        message = parseAgentMessage(text);
        if (message.type === "ping") return ws.send(PONG);
        await take(message);
      } catch (reason) {
        if (!(reason instanceof PlexlineError)) ws.log.error({ action: "ws.error", error: reason });
        const error = PlexlineError.from(reason, "HANDLER_FAILED");
        if (isOver) return;
        if (error.retry === "new-token") return end(error);
        ws.send(isDenial(error) ? DENIED : encodeAgentError(error, message?.id));
      }
    },
    close() {
      isOver = true;
      reader?.close();
    },
  };
}
