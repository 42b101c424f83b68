import type { Client, Topic, TopicEvents, TopicName } from "@plexline/client";
import { PlexlineError, type Position, type SubscribeResult } from "@plexline/protocol";
import type { StreamSnapshot } from "../protocol.ts";
import type { FollowOptions, StreamObserver } from "../transport.ts";

/** One reader of the log with its own place in it. */
interface Follower {
  readonly options: FollowOptions;
  readonly observer: StreamObserver;
  /** Null until the server has said where it begins. */
  position: Position | null;
  isStarted: boolean;
}

const ABSENT: StreamSnapshot = { info: null };

/**
 * One stream on the native line, for followers at different places: a connection has one subscription per topic, so it is
 * opened from the earliest of their places, and each is given what is after its own. Whoever joins or comes back later
 * makes it begin anew.
 */
export class StreamFeed {
  readonly #client: Pick<Client, "topic">;
  readonly #name: TopicName;
  readonly #followers = new Set<Follower>();
  readonly #onEmpty: () => void;
  #topic: Topic | null = null;
  #offs: (() => void)[] = [];
  #since: Position | "start" | undefined;
  /** The feature reads it with each subscribe. */
  #input: { fold?: true } = {};
  /** It begins anew in a moment, for all that have joined by then. */
  #isReopening = false;

  constructor(client: Pick<Client, "topic">, name: TopicName, onEmpty: () => void) {
    this.#client = client;
    this.#name = name;
    this.#onEmpty = onEmpty;
  }

  follow(options: FollowOptions, observer: StreamObserver): () => void {
    const position = typeof options.since === "object" ? options.since : null;
    const follower: Follower = { options, observer, position, isStarted: false };
    this.#followers.add(follower);
    this.#reopenSoon();
    return () => this.#drop(follower);
  }

  #drop(follower: Follower): void {
    if (!this.#followers.delete(follower) || this.#followers.size > 0) return;
    this.#close();
    this.#onEmpty();
  }

  #reopenSoon(): void {
    if (this.#isReopening) return;
    this.#isReopening = true;
    queueMicrotask(() => {
      this.#isReopening = false;
      if (this.#followers.size > 0) this.#open();
    });
  }

  #open(): void {
    this.#close();
    const since = earliest(this.#followers);
    const topic = this.#client.topic(this.#name, since === undefined ? {} : { since });
    this.#topic = topic;
    this.#since = since;
    this.#input = {};
    if ([...this.#followers].some((one) => one.options.fold && !one.isStarted)) this.#input.fold = true;
    this.#offs = [
      topic.on("subscribed", (result) => this.#onSubscribed(result)),
      topic.on("push", (message) => this.#onPush(message)),
      topic.on("gap", (gap) => {
        // One that an answer tells is told to each follower by the answer.
        if (topic.status.state === "subscribed") this.#onGap(gap);
      }),
      topic.on("status", (status) => {
        if (status.state === "unsubscribed") this.#end(status.error ?? new PlexlineError("NOT_SUBSCRIBED"));
        else this.#tell(({ observer }) => observer.onLive?.(status.state === "subscribed"));
      }),
    ];
    topic.subscribe(this.#input);
  }

  #close(): void {
    for (const off of this.#offs) off();
    this.#offs = [];
    this.#topic?.unsubscribe();
    this.#topic = null;
  }

  #end(error: PlexlineError): void {
    const followers = [...this.#followers];
    this.#followers.clear();
    this.#close();
    this.#onEmpty();
    for (const { observer } of followers) observer.onEnd(error);
  }

  #onSubscribed(result: SubscribeResult): void {
    const { position } = result;
    if (position === null) {
      this.#end(new PlexlineError("OPERATION_UNSUPPORTED", { message: "The topic keeps no log." }));
      return;
    }
    const snapshot = (result.snapshot as StreamSnapshot | undefined) ?? ABSENT;
    this.#tell((follower) => this.#start(follower, { ...result, position }, snapshot));
    this.#input.fold = undefined as never;
  }

  /** Finds the place of a follower in an answer, and tells it what it has missed for good. */
  #start(
    follower: Follower,
    result: SubscribeResult & { readonly position: Position },
    snapshot: StreamSnapshot,
  ): void {
    const { observer, options, position: before } = follower;
    const { position, recovered } = result;
    const isNew = !follower.isStarted;
    if (before === null) {
      // The subscription may begin earlier for others.
      const isHere = options.since === "start" || this.#since === undefined;
      follower.position = isHere ? position : { epoch: position.epoch, offset: result.head };
    } else if (before.epoch !== position.epoch || (isNew && before.offset > result.head)) {
      follower.position = position;
      observer.onGap({ position, reason: "reset" });
    } else if (before.offset < position.offset) {
      if (recovered) {
        this.#missed(follower);
        return;
      }
      follower.position = position;
      observer.onGap({ position, reason: "trimmed" });
    }
    if (!this.#followers.has(follower)) return;
    follower.isStarted = true;
    const isComplete = options.since !== "start" || !isNew || recovered;
    observer.onStart({ position: follower.position as Position, snapshot, isComplete });
  }

  /** The subscription stands after a follower's place. */
  #missed(follower: Follower): void {
    // One that has just joined is served when it begins anew.
    if (this.#isReopening) return;
    this.#followers.delete(follower);
    follower.observer.onEnd(
      new PlexlineError("OPERATION_UNSUPPORTED", {
        message: "This topic is also subscribed in another way, which decides where it begins.",
        fix: "Use `stream` alone for it, always under the same name.",
      }),
    );
  }

  #onPush(message: TopicEvents["push"]): void {
    const { event, payload, offset, atMs, user } = message;
    if (offset === undefined) return;
    this.#tell((follower) => {
      const { position } = follower;
      if (position === null || offset <= position.offset) return;
      if (offset !== position.offset + 1) {
        this.#reopenSoon();
        return;
      }
      follower.position = { epoch: position.epoch, offset };
      follower.observer.onEvent({
        ...{ event, payload, position: follower.position },
        ...(atMs === undefined ? {} : { atMs }),
        ...(user === undefined ? {} : { user }),
      });
    });
  }

  #onGap({ position, reason }: TopicEvents["gap"]): void {
    this.#tell((follower) => {
      const { position: before } = follower;
      if (before === null || (before.epoch === position.epoch && before.offset >= position.offset)) return;
      follower.position = position;
      follower.observer.onGap({ position, reason });
    });
  }

  /** Followers may leave and join meanwhile. */
  #tell(what: (follower: Follower) => void): void {
    for (const follower of [...this.#followers]) if (this.#followers.has(follower)) what(follower);
  }
}

/** The place from which all of them can be served. Of two epochs one is over: its follower is told so by any answer. */
function earliest(followers: Iterable<Follower>): Position | "start" | undefined {
  let since: Position | undefined;
  for (const { options, position } of followers) {
    if (position === null) {
      if (options.since === "start") return "start";
    } else if (since === undefined || (position.epoch === since.epoch && position.offset < since.offset)) {
      since = position;
    }
  }
  return since;
}
