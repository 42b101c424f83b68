import { PlexlineError } from "@plexline/protocol";
import type { ChatTransport, UIMessage } from "ai";
import type { StreamHandle } from "../client/handle.ts";
import type { SentRequest } from "../client/sent-request.ts";
import type { StreamClock } from "../transport.ts";
import { ChatResponse } from "./response.ts";

export { type PipedProducer, type PipeOptions, pipeUIMessageStream } from "./pipe.ts";
export { ResponseResetError } from "./response.ts";

/** What `Chat` asks of a transport to send. */
export type SendMessagesRequest<Message extends UIMessage> = Parameters<
  ChatTransport<Message>["sendMessages"]
>[0];

export interface PlexlineChatTransportOptions<Message extends UIMessage> {
  /** Opens the stream of a response from its beginning: `(runId) => plex.stream("run", { id: runId })`. */
  readonly stream: (runId: string) => StreamHandle;
  /** Starts a response by a request of the application's own; resolves with the id of its run. */
  readonly start: (request: SendMessagesRequest<Message>) => Promise<string>;
  /** The run of a chat's present response, as the application knows it. Default: the one that was started here. */
  readonly active?: (chatId: string) => Promise<string | null> | string | null;
  /** How long a lost producer may be without a successor before the response fails, in milliseconds. Default 10,000. */
  readonly lossGraceMs?: number;
  /** Default: the platform's. */
  readonly clock?: Pick<StreamClock, "setTimer">;
}

export interface PlexlineChatTransport<Message extends UIMessage> extends ChatTransport<Message> {
  readonly resumeStreamIsReplay: true;
  /** Asks the producer of a chat's present response to stop; null if there is none. `stop()` of a chat only leaves it. */
  cancel(chatId: string, reason?: string): Promise<SentRequest | null>;
}

const systemClock: Pick<StreamClock, "setTimer"> = {
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

const LOSS_GRACE_MS = 10_000;
/** Chats whose runs are remembered. */
const CHATS_MAX = 1_000;

/**
 * A transport for `Chat` and `useChat` of the AI SDK whose responses are streams: they survive lost connections, reloads and
 * other tabs. AI_SDK.md has the rules.
 *
 * @example
 * const transport = plexlineChatTransport({
 *   stream: (runId) => plex.stream("run", { id: runId }),
 *   start: async ({ messages }) => (await post("/api/chat", { messages })).runId,
 * });
 * const chat = useChat({ transport });
 */
export function plexlineChatTransport<Message extends UIMessage = UIMessage>(
  options: PlexlineChatTransportOptions<Message>,
): PlexlineChatTransport<Message> {
  const { lossGraceMs = LOSS_GRACE_MS, clock = systemClock } = options;
  /** Runs that were started here and have not been read to their end, by their chats. */
  const started = new Map<string, string>();
  const remember = (chatId: string, runId: string) => {
    started.delete(chatId);
    started.set(chatId, runId);
    for (const oldest of started.keys()) {
      if (started.size <= CHATS_MAX) break;
      started.delete(oldest);
    }
  };
  const activeRun = async (chatId: string): Promise<string | null> =>
    options.active ? options.active(chatId) : (started.get(chatId) ?? null);
  const read = (chatId: string, runId: string, signal: AbortSignal | undefined) =>
    new ChatResponse(options.stream(runId), {
      lossGraceMs,
      clock,
      signal,
      onEnd(how) {
        if (how === "closed" && started.get(chatId) === runId) started.delete(chatId);
      },
    }).stream();
  return {
    resumeStreamIsReplay: true,
    async sendMessages(request) {
      const runId = await options.start(request);
      remember(request.chatId, runId);
      return read(request.chatId, runId, request.abortSignal);
    },
    async reconnectToStream({ chatId, abortSignal }) {
      const runId = await activeRun(chatId);
      if (runId === null || !(await isOpen(options.stream(runId)))) return null;
      return read(chatId, runId, abortSignal);
    },
    async cancel(chatId, reason) {
      const runId = await activeRun(chatId);
      if (runId === null) return null;
      try {
        return await options.stream(runId).cancel(reason);
      } catch (error) {
        // It has ended by itself.
        if (isAbsent(error) || (error instanceof PlexlineError && error.code === "STREAM_CLOSED"))
          return null;
        throw error;
      }
    },
  };
}

async function isOpen(handle: StreamHandle): Promise<boolean> {
  try {
    return (await handle.info()).closed === null;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof PlexlineError && error.code === "STREAM_ABSENT";
}
