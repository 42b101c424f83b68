import type { PlexlineError, Position, PushMessage, SubscribeResult } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";

/**
 * A topic as the server's own code uses it: the same room, log and limits of the feature as for anybody, without a socket.
 * Its sender is the service `server` of the topic's tenant, which may do everything.
 */
export interface OwnTopic {
  readonly clock: Clock;
  readonly random: Random;
  /** Runs a command and resolves with its output; starts the server if need be. Rejects with a PlexlineError. */
  call(command: string, input?: unknown): Promise<unknown>;
  /** Follows the topic's events until the returned function is called, or the server stops. */
  follow(
    options: { readonly since?: Position | "start"; readonly input?: unknown },
    observer: OwnObserver,
  ): () => void;
}

/** Is told what happens on a followed topic. A callback must not throw. */
export interface OwnObserver {
  /** The subscription stands; events after `position` follow. */
  onSubscribed(result: SubscribeResult): void;
  onPush(message: PushMessage): void;
  /** What was published until `position` cannot be given any more. */
  onGap(gap: { readonly position: Position; readonly reason: "trimmed" | "reset" }): void;
  /** It ended, and why. */
  onEnd(error: PlexlineError): void;
}
