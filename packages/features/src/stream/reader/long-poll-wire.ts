import { PlexlineError } from "@plexline/protocol";
import { endOf, lossOf } from "./http-end.ts";
import { isWireMessage, type OpenWire, withQuery } from "./wire.ts";

/** An answer of the server. */
interface LongPollAnswer {
  readonly events: readonly unknown[];
  readonly cursor: string;
  readonly closed: boolean;
  readonly policy?: unknown;
}

/** Reads a run by one request after the other, each of which the server holds until there is something to tell. */
export function createLongPollWire(url: URL, fetch: typeof globalThis.fetch): OpenWire {
  return ({ query, token, ticket }, observer) => {
    let abort = new AbortController();
    let isOver = false;
    const end = (told: Parameters<typeof observer.onEnd>[0]) => {
      if (isOver) return;
      isOver = true;
      observer.onEnd(told);
    };
    const ask = async (more: Readonly<Record<string, string>>): Promise<LongPollAnswer | null> => {
      abort = new AbortController();
      const asked = { ...query, ...(ticket === undefined ? {} : { ticket }), ...more };
      const response = await fetch(withQuery(url, asked), {
        headers: {
          Accept: "application/json",
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        },
        cache: "no-store",
        signal: abort.signal,
      });
      if (response.status !== 200) {
        end(await endOf(response));
        return null;
      }
      const answer: unknown = await response.json();
      if (!isAnswer(answer)) throw new TypeError("the answer of the long-poll cannot be read");
      return answer;
    };
    const read = async (): Promise<void> => {
      // The first answer is not waited for: it says that this way works.
      let more: Readonly<Record<string, string>> = { live: "long-poll", wait: "0" };
      while (!isOver) {
        const answer = await ask(more);
        if (answer === null || isOver) return;
        observer.onAlive();
        for (const event of answer.events) if (!isOver && isWireMessage(event)) observer.onMessage(event);
        if (isOver) return;
        if (answer.policy !== undefined)
          observer.onMessage({ type: "transport-policy", policy: answer.policy });
        if (answer.closed && !isOver)
          return end({ kind: "finished", error: new PlexlineError("STREAM_CLOSED") });
        more = { live: "long-poll", cursor: answer.cursor };
      }
    };
    read().catch((reason: unknown) => end(lossOf(reason)));
    return {
      close() {
        isOver = true;
        abort.abort();
      },
    };
  };
}

function isAnswer(value: unknown): value is LongPollAnswer {
  if (typeof value !== "object" || value === null) return false;
  const { events, cursor, closed } = value as Record<string, unknown>;
  return Array.isArray(events) && typeof cursor === "string" && typeof closed === "boolean";
}
