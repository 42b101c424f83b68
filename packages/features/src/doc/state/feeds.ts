import { PlexlineError } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import type { Joins } from "../join.ts";
import type { StateVector } from "../update/update-scan.ts";
import type { Wholes } from "../whole.ts";
import { type Seat, tellError } from "./seat.ts";

/** Answers the `sync-request`s of members, one after the other of each [DC2], and their `state`s [DC19]. */
export interface Feeds {
  /** Sends a member what it lacks. While that is under way, only the newest of its requests waits. */
  request(seat: Seat, vector: StateVector): void;
  /** Sends a member all of the document as one update, unless it is about to be sent that already. */
  requestState(seat: Seat): void;
}

export function createFeeds(topic: TopicContext, joins: Joins, wholes: Wholes): Feeds {
  const tellFailure = (seat: Seat, error: unknown): void => {
    topic.log.warn({ action: "yjs.sync.failed", topic: topic.topic, error });
    tellError(topic, seat, feedError(error));
  };
  const feed = async (seat: Seat, first: StateVector): Promise<void> => {
    seat.isFed = true;
    for (let vector: StateVector | undefined = first; vector && seat.isOpen; vector = seat.nextVector) {
      seat.nextVector = undefined;
      try {
        await topic.feed(seat.member, joins.messages(vector, { parts: seat.parts }));
      } catch (error) {
        tellFailure(seat, error);
      }
    }
    seat.isFed = false;
  };
  const feedState = async (seat: Seat): Promise<void> => {
    const question = {};
    seat.stateQuestion = question;
    // Called early: whoever has the answer may ask again before it is known here that the connection has taken it.
    const onAnswered = (): void => {
      if (seat.stateQuestion === question) seat.stateQuestion = undefined;
    };
    try {
      await topic.feed(seat.member, wholes.messages({ parts: seat.parts, onAnswered }));
    } catch (error) {
      tellFailure(seat, error);
    } finally {
      onAnswered();
    }
  };
  return {
    request(seat, vector) {
      if (seat.isFed) seat.nextVector = vector;
      else void feed(seat, vector);
    },
    requestState(seat) {
      if (seat.stateQuestion === undefined) void feedState(seat);
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
