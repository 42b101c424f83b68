import type { BinaryMessage, ServerMessage } from "@plexline/protocol";
import { PlexlineError } from "@plexline/protocol";
import type { Principal } from "../auth/principal.ts";
import type { Encoder } from "../broker/publication.ts";
import type { OwnObserver, OwnTopic } from "../feature/own-topic.ts";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { Caller } from "../router/caller.ts";
import type { Router } from "../router/router.ts";
import type { Subscription } from "../router/subscription.ts";

const SESSION_ID_BYTES = 12;
/** One page of recovered publications. */
const PAGE_BYTES_MAX = 262_144;

/** Where a topic of the server's own code lives, once the server has started. */
export interface OwnAddress {
  readonly router: Router;
  readonly topic: string;
  readonly principal: Principal;
  /** Aborted when the server stops. */
  readonly stopped: AbortSignal;
}

/** A topic for the server's own code; `locate` starts the server and finds it, as its record says it is now. */
export function createOwnTopic(
  locate: () => Promise<OwnAddress>,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): OwnTopic {
  let caller: OwnCaller | null = null;
  const place = async () => {
    const address = await locate();
    if (address.stopped.aborted) throw closed();
    return address;
  };
  /** One session for all calls, for as long as the topic is where it was. */
  const callerFor = (principal: Principal): OwnCaller => {
    if (caller?.principal.tenant !== principal.tenant)
      caller = new OwnCaller(random.id(SESSION_ID_BYTES), principal, { encode: () => null });
    return caller;
  };
  return {
    clock,
    random,
    async call(command, input) {
      const { router, topic, principal } = await place();
      return (await router.call(callerFor(principal), { topic, command, input })).output;
    },
    follow(options, observer) {
      let leave: (() => void) | null = null;
      let isOver = false;
      const end = () => {
        isOver = true;
        leave?.();
      };
      place()
        .then(async ({ router, topic, principal, stopped }) => {
          if (isOver) return;
          const stop = () => {
            end();
            observer.onEnd(closed());
          };
          stopped.addEventListener("abort", stop, { once: true });
          const encoder = encoderFor(observer, end, () => isOver);
          const caller = new OwnCaller(random.id(SESSION_ID_BYTES), principal, encoder);
          leave = () => {
            stopped.removeEventListener("abort", stop);
            router.subscriptions.endSession(caller);
          };
          await router.subscriptions.subscribe(caller, { topic, ...options }, (result) => {
            if (!isOver) observer.onSubscribed(result);
          });
        })
        .catch((reason: unknown) => {
          if (isOver) return;
          end();
          observer.onEnd(PlexlineError.from(reason));
        });
      return end;
    },
  };
}

/** To try again is of no use: another server would be another app. */
function closed(): PlexlineError {
  return new PlexlineError("CLIENT_CLOSED", {
    message: "The server was closed.",
    fix: "Stop what uses its topics before the server, or create another server.",
  });
}

/** Hands messages to the observer instead of encoding them for a wire. */
function encoderFor(observer: OwnObserver, end: () => void, isOver: () => boolean): Encoder {
  return {
    encode(message: ServerMessage | BinaryMessage) {
      if (isOver() || !("type" in message)) return null;
      if (message.type === "push") observer.onPush(message);
      else if (message.type === "gap") observer.onGap(message);
      else if (message.type === "unsubscribed") {
        end();
        observer.onEnd(PlexlineError.fromBody(message.error));
      }
      return null;
    },
  };
}

/** A session without a connection: always there, never full, because what it is handed is taken at once. */
class OwnCaller implements Caller {
  readonly sessionId: string;
  readonly principal: Principal;
  readonly encoder: Encoder;
  readonly subscriptions = new Map<string, Subscription>();
  readonly attached = true;
  readonly attachment = {};
  readonly lane = null;
  readonly pageBytesMax = PAGE_BYTES_MAX;
  readonly hasRoom = true;

  constructor(sessionId: string, principal: Principal, encoder: Encoder) {
    this.sessionId = sessionId;
    this.principal = principal;
    this.encoder = encoder;
  }

  send(): void {}

  fail(): void {}

  purge(): void {}

  whenRoom(callback: () => void): void {
    callback();
  }

  get isRecovering(): boolean {
    return false;
  }

  recoverInTurn(page: () => Promise<void>): Promise<void> {
    return page();
  }

  messageBytesMaxChanged(): void {}
}
