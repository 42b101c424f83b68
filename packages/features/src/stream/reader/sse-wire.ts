import { endOf, lossOf } from "./http-end.ts";
import { SseParser } from "./sse-parser.ts";
import { type OpenWire, parseWireMessage, withQuery } from "./wire.ts";

/** Reads a run as an event stream by `fetch`, which can show a token in a header. */
export function createSseWire(url: URL, fetch: typeof globalThis.fetch): OpenWire {
  return ({ query, token, ticket }, observer) => {
    const abort = new AbortController();
    let isOver = false;
    const end = (told: Parameters<typeof observer.onEnd>[0]) => {
      if (isOver) return;
      isOver = true;
      abort.abort();
      observer.onEnd(told);
    };
    const read = async (): Promise<void> => {
      const response = await fetch(
        withQuery(url, { ...query, ...(ticket === undefined ? {} : { ticket }) }),
        {
          headers: {
            Accept: "text/event-stream",
            ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          },
          cache: "no-store",
          signal: abort.signal,
        },
      );
      if (response.status !== 200 || response.body === null) return end(await endOf(response));
      const parser = new SseParser(({ data }) => {
        const message = isOver ? null : parseWireMessage(data);
        if (message !== null) observer.onMessage(message);
      });
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      for (;;) {
        const { done, value } = await reader.read();
        if (isOver) return;
        if (done) return end(lossOf("the server has ended the answer"));
        observer.onAlive();
        parser.feed(decoder.decode(value, { stream: true }));
        if (isOver) return;
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
