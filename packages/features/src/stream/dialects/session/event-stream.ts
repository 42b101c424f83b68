import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import type { EnteredReader } from "../../policy/readers.ts";
import { RunReader } from "../run/reader.ts";
import { asRefusal } from "../run/refusal.ts";
import { isOver } from "../run/standing.ts";
import type { StreamExchange } from "./exchange.ts";
import { encodeError, wordsFor } from "./message.ts";
import { HEARTBEAT, HEARTBEAT_MS, SSE_HEADERS, sseEvent, sseRetry } from "./sse.ts";

/** When a client comes back after an end that was not planned, in milliseconds: from, and at most so much later. */
const RETRY_MS = 1_000;
const RETRY_JITTER_MS = 1_000;
/** The same after a planned end, so that not everybody comes at once. */
const PLANNED_RETRY_JITTER_MS = 4_000;

/** What an event stream is made with. */
export interface EventStreamOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Begins to tell; `false`: there is nothing to be told. Rejects with a PlexlineError before anything is sent. */
  readonly begin: (session: EndpointSession) => Promise<boolean>;
  /** The session is over: for an error of the engine, else null. */
  readonly onClose: (error: PlexlineError | null) => void;
}

/** A response that is a stream of events, with all that its transport needs [SE7 to SE10]. */
export async function openEventStream(
  { context, settings }: StreamExchange,
  { headers = {}, begin, onClose }: EventStreamOptions,
): Promise<Response> {
  const { clock, random, rotateMs } = settings;
  const later = (jitterMs: number) => sseRetry(RETRY_MS + random.next() * jitterMs);
  const { session, response } = await context.stream(
    { headers: { ...SSE_HEADERS, ...headers } },
    {
      closing: () => later(PLANNED_RETRY_JITTER_MS),
      onClose(error) {
        timer.cancel();
        onClose(error);
      },
    },
  );
  const timer = clock.setTimer(() => {
    session.send(later(PLANNED_RETRY_JITTER_MS));
    session.close(1000, "");
  }, rotateMs);
  session.send(later(RETRY_JITTER_MS));
  session.keepAlive(HEARTBEAT, HEARTBEAT_MS);
  try {
    if (await begin(session)) return response;
    session.close(1000, "");
    return new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } });
  } catch (reason) {
    session.close(1000, "");
    if (!(reason instanceof PlexlineError)) session.log.error({ action: "http.error", error: reason });
    throw PlexlineError.from(reason, "HANDLER_FAILED");
  }
}

/** A run in the messages of SESSION.md: where it stands, and what follows [SE7]. */
export async function streamRun(exchange: StreamExchange, since: Position | null): Promise<Response> {
  const { sessionId, topic, settings, query } = exchange;
  const { readers } = settings;
  await readers?.admit("sse");
  const words = wordsFor(sessionId);
  let reader: RunReader | null = null;
  let entered: EnteredReader | null = null;
  return openEventStream(exchange, {
    onClose(error) {
      reader?.close();
      entered?.left(error === null ? "client" : "server");
    },
    async begin(session) {
      if (since !== null && (await isOver(session, topic, since))) return false;
      const end = () => queueMicrotask(() => session.close(1000, ""));
      entered =
        readers?.enter("sse", query, {
          tell: (text) => session.send(sseEvent(text, null)),
          end: () => session.close(1000, ""),
        }) ?? null;
      reader = new RunReader(
        session,
        { topic, runId: sessionId },
        {
          renderings: settings.renderings,
          words: {
            connected: (connected) => sseEvent(words.connected(connected), null),
            snapshot: (cursor, state) => sseEvent(words.snapshot(cursor, state), cursor),
            gap: (reason) => sseEvent(words.gap(reason), null),
            event: (told) => sseEvent(words.event(told), told.cursor),
          },
        },
        {
          handed: (count) => entered?.handed(count),
          gap: () => entered?.gap(),
          finished() {
            entered?.left("finished");
            end();
          },
          ended(error) {
            end();
            return sseEvent(encodeError(asRefusal(error), sessionId), null);
          },
          // Whoever comes back is told by a status what is wrong.
          failed: end,
        },
      );
      await reader.begin(since);
      return true;
    },
  });
}
