import { PlexlineError, type Position } from "@plexline/protocol";
import {
  type RequestOutcome,
  type RequestOutput,
  STREAM_COMMAND,
  STREAM_EVENT,
  type StreamInfo,
} from "../protocol.ts";
import type { StreamTransport } from "../transport.ts";

/** A request of a reader that the server has taken. */
export interface SentRequest {
  readonly id: string;
  readonly position: Position;
  /** The same request had been made before: it is one. */
  readonly repeated?: true;
  /**
   * What comes of it, across reconnects and for as long as it takes: the producer's answer, or `refused` when the stream
   * closes first. Asking for it listens; rejects with a PlexlineError when it cannot be known any more.
   */
  readonly outcome: Promise<RequestOutcome>;
}

/** Makes the handle of a request from the server's answer. */
export function createSentRequest(transport: StreamTransport, output: RequestOutput): SentRequest {
  let outcome: Promise<RequestOutcome> | null = null;
  return {
    ...output,
    get outcome() {
      outcome ??= awaitOutcome(transport, output);
      return outcome;
    },
  };
}

function awaitOutcome(transport: StreamTransport, { id, position }: RequestOutput): Promise<RequestOutcome> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      stop();
      act();
    };
    const lost = () =>
      settle(() =>
        reject(
          new PlexlineError("RESYNC", {
            message: `What came of the request ${id} is not in the log any more.`,
            fix: "Read the stream's info or its fold.",
          }),
        ),
      );
    const stop = transport.follow(
      { since: position },
      {
        onStart() {},
        onEvent({ event, payload }) {
          const told = payload as RequestOutcome;
          if (event === STREAM_EVENT.outcome && told.request === id) settle(() => resolve(told));
          else if (event === STREAM_EVENT.close) settle(() => resolve({ request: id, status: "refused" }));
        },
        onGap() {
          transport.call(STREAM_COMMAND.info).then((info) => {
            if (!(info as StreamInfo).requests.some((pending) => pending.id === id)) lost();
          }, lost);
        },
        onEnd: (error) => settle(() => reject(error)),
      },
    );
  });
}
