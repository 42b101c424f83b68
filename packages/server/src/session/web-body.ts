import type { BodySink, BodySinkEvents, BodySocket } from "./body-socket.ts";

const sockets = new WeakMap<ReadableStream, BodySocket>();

/** The socket that writes a response's body, for a transport that can write it without the web stream between. */
export function bodySocketOf(response: Response): BodySocket | undefined {
  return response.body === null ? undefined : sockets.get(response.body);
}

/** What a body socket is sent, as a stream for whoever reads web streams; each read gets what has gathered. */
export function createWebBody(socket: BodySocket): ReadableStream<Uint8Array> {
  const made: { sink: WebSink | null } = { sink: null };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (made.sink === null) {
          const create = (events: BodySinkEvents) => {
            made.sink = new WebSink(controller, events);
            return made.sink;
          };
          socket.open(create);
        }
        return made.sink?.pull();
      },
      cancel() {
        if (made.sink === null) socket.terminate();
        else made.sink.cancel();
      },
    },
    { highWaterMark: 0 },
  );
  sockets.set(body, socket);
  return body;
}

class WebSink implements BodySink {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  readonly #events: BodySinkEvents;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #isEnded = false;
  #isOver = false;
  /** A reader waits for this to be called. */
  #whenPulled: (() => void) | null = null;

  constructor(controller: ReadableStreamDefaultController<Uint8Array>, events: BodySinkEvents) {
    this.#controller = controller;
    this.#events = events;
  }

  get bufferedBytes(): number {
    return this.#bytes;
  }

  pull(): Promise<void> | undefined {
    if (this.#handOver() || this.#isOver) return undefined;
    return new Promise((resolve) => {
      this.#whenPulled = resolve;
    });
  }

  cancel(): void {
    this.#isOver = true;
    this.#events.onOver();
  }

  write(data: string | Uint8Array): void {
    if (this.#isEnded || this.#isOver || data.length === 0) return;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    this.#waiting.push(bytes);
    this.#bytes += bytes.byteLength;
    this.#serveReader();
  }

  writeAll(messages: readonly (string | Uint8Array)[]): void {
    for (const message of messages) this.write(message);
  }

  end(): void {
    this.#isEnded = true;
    this.#serveReader();
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.error(new Error("The body was cut."));
    this.#whenPulled?.();
  }

  #serveReader(): void {
    const pulled = this.#whenPulled;
    if (pulled === null || !this.#handOver()) return;
    this.#whenPulled = null;
    pulled();
  }

  /** Gives the reader what waits, or the end; false when there is neither. */
  #handOver(): boolean {
    if (this.#isOver) return false;
    if (this.#bytes === 0) {
      if (!this.#isEnded) return false;
      this.#isOver = true;
      this.#controller.close();
      this.#events.onOver();
      return true;
    }
    this.#controller.enqueue(new Uint8Array(Buffer.concat(this.#waiting)));
    this.#waiting = [];
    this.#bytes = 0;
    queueMicrotask(() => this.#events.onFlushed());
    return true;
  }
}
