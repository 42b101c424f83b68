import { PlexlineError, type Position } from "@plexline/protocol";
import type { OwnTopic } from "@plexline/server";
import type { StreamSnapshot } from "../protocol.ts";
import type { FollowOptions, StreamObserver, StreamTransport } from "../transport.ts";

/** Largest input of one command, in bytes of JSON: nothing travels, so that a chunk may be as large as the stream takes. */
const COMMAND_BYTES_MAX = 4 * 1024 * 1024;

/** The way to a stream in the server's own process. */
export function createOwnTransport(topic: OwnTopic): StreamTransport {
  return {
    clock: topic.clock,
    random: topic.random,
    commandBytesMax: COMMAND_BYTES_MAX,
    call: (command, input) => topic.call(command, input),
    follow: (options, observer) => follow(topic, options, observer),
  };
}

function follow(topic: OwnTopic, { since, fold }: FollowOptions, observer: StreamObserver): () => void {
  let position: Position | null = null;
  let isOver = false;
  const unfollow = topic.follow(
    { ...(since === undefined ? {} : { since }), input: fold ? { fold } : {} },
    {
      onSubscribed(result) {
        if (result.position === null) {
          observer.onEnd(new PlexlineError("OPERATION_UNSUPPORTED", { message: "The topic keeps no log." }));
          return;
        }
        position = result.position;
        const isResumed = typeof since === "object";
        if (isResumed && !result.recovered)
          observer.onGap({ position, reason: since.epoch === position.epoch ? "trimmed" : "reset" });
        // Whoever hears of a gap may begin elsewhere.
        if (isOver) return;
        const snapshot = (result.snapshot as StreamSnapshot | undefined) ?? { info: null };
        observer.onStart({ position, snapshot, isComplete: since !== "start" || result.recovered });
      },
      onPush({ event, payload, offset, atMs, user }) {
        if (offset === undefined || position === null || offset <= position.offset) return;
        position = { epoch: position.epoch, offset };
        observer.onEvent({
          ...{ event, payload, position },
          ...(atMs === undefined ? {} : { atMs }),
          ...(user === undefined ? {} : { user }),
        });
      },
      onGap(gap) {
        position = gap.position;
        observer.onGap(gap);
      },
      onEnd: (error) => observer.onEnd(error),
    },
  );
  return () => {
    isOver = true;
    unfollow();
  };
}
