import { PlexlineError } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import type { Joins } from "../join.ts";
import type { StateVector } from "../update/update-scan.ts";
import { type Seat, tellError } from "./seat.ts";

/** Answers the `sync-request`s of members, one after the other of each [DC2]. */
export interface Feeds {
  /** Sends a member what it lacks. While that is under way, only the newest of its requests waits. */
  request(seat: Seat, vector: StateVector): void;
}

export function createFeeds(topic: TopicContext, joins: Joins): Feeds {
  const feed = async (seat: Seat, first: StateVector): Promise<void> => {
    seat.isFed = true;
    for (let vector: StateVector | undefined = first; vector && seat.isOpen; vector = seat.nextVector) {
      seat.nextVector = undefined;
      try {
        await topic.feed(seat.member, joins.messages(vector, { parts: seat.parts }));
      } catch (error) {
        topic.log.warn({ action: "yjs.sync.failed", topic: topic.topic, error });
        tellError(topic, seat, feedError(error));
      }
    }
    seat.isFed = false;
  };
  return {
    request(seat, vector) {
      if (seat.isFed) seat.nextVector = vector;
      else void feed(seat, vector);
    },
  };
}

function feedError(error: unknown): PlexlineError {
  if (error instanceof PlexlineError) return error;
  return new PlexlineError("STORAGE_UNAVAILABLE", {
    message: "The document could not be read.",
    fix: "Ask again.",
    cause: error,
  });
}
