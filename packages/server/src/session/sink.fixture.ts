import { encodeBinaryMessage, PlexlineError } from "@plexline/protocol";
import type { Feature } from "../feature/feature.ts";

/** Kinds of binary messages that a sink knows: it keeps one, refuses two, and one waits until it is released. */
export const KEEP = 0;
export const REFUSE = 1;
export const TOO_LARGE = 2;
export const HOLD = 3;

/** A feature that keeps the binary messages it is sent, for tests of the way there. */
export interface Sink extends Feature {
  readonly taken: readonly Uint8Array[];
  /** Lets everything go on that waits. */
  release(): void;
}

/** Creates a sink. `messageBytesMax` is what those who subscribe with the input "large" may send at once. */
export function createSink(template: string, messageBytesMax = 0): Sink {
  const taken: Uint8Array[] = [];
  let waiting: (() => void)[] = [];
  return {
    feature: "sink",
    template,
    roles: { controller: ["subscribe", "publish", "call"] },
    defaultRole: "controller",
    taken,
    release() {
      for (const goOn of waiting) goOn();
      waiting = [];
    },
    open: (topic) => ({
      onSubscribe(member, input) {
        if (input === "large") topic.setMessageBytesMax(member, messageBytesMax);
      },
      onMessage(_sender, message) {
        if (message.type !== "binary") return undefined;
        taken.push(new Uint8Array(message.payload));
        if (message.kind === REFUSE) throw new PlexlineError("PAYLOAD_INVALID");
        if (message.kind === TOO_LARGE) throw new PlexlineError("MESSAGE_TOO_LARGE");
        if (message.kind !== HOLD) return undefined;
        return new Promise<void>((resolve) => waiting.push(resolve));
      },
    }),
  };
}

/** A number as the payload of a binary message. */
export function numbered(alias: number, number: number, kind = KEEP): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    encodeBinaryMessage({ alias, kind, payload: Uint8Array.of(number >> 8, number & 255) }),
  );
}

/** The numbers in payloads. */
export function numbersOf(payloads: readonly Uint8Array[]): number[] {
  return payloads.map((payload) => ((payload[0] as number) << 8) | (payload[1] as number));
}
