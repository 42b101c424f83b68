import { lossOf } from "./http-end.ts";
import { type OpenWire, parseWireMessage, withQuery } from "./wire.ts";

/** What is used of a browser's EventSource. */
export interface EventSourceLike {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  close(): void;
}

export type EventSourceConstructor = new (url: string) => EventSourceLike;

/**
 * Reads a run as an event stream by the browser's own EventSource, which shows cookies or a ticket. It is never left to reconnect
 * by itself: it would come back to its first URL, and gives up for good at any answer but 200.
 */
export function createEventSourceWire(url: URL, EventSource: EventSourceConstructor): OpenWire {
  return ({ query, ticket }, observer) => {
    const source = new EventSource(
      withQuery(url, { ...query, ...(ticket === undefined ? {} : { ticket }) }).href,
    );
    let isOver = false;
    source.onopen = () => {
      if (!isOver) observer.onAlive();
    };
    source.onmessage = ({ data }: { readonly data: string }) => {
      if (isOver) return;
      observer.onAlive();
      const message = parseWireMessage(data);
      if (message !== null) observer.onMessage(message);
    };
    source.onerror = () => {
      if (isOver) return;
      isOver = true;
      source.close();
      observer.onEnd(lossOf("the event stream failed"));
    };
    return {
      close() {
        isOver = true;
        source.close();
      },
    };
  };
}
