import type { StreamClock, StreamRandom, StreamTransport } from "../transport.ts";
import { CommandSender } from "./command-sender.ts";
import { HttpFollower } from "./follower.ts";
import { HttpLine, type HttpLineOptions } from "./line.ts";

/** How one stream is reached over HTTP. */
export interface HttpTransportOptions extends HttpLineOptions {
  /** The stream's address, e.g. `run:42`. */
  readonly topic: string;
  /** How long a command without an answer is sent again, in milliseconds. Default 30,000. */
  readonly giveUpMs?: number;
  /** Largest input of one command, in bytes: less than the endpoint's `bodyBytesMax`. Default 1 MiB and a little. */
  readonly commandBytesMax?: number;
  /** Default: the platform's. */
  readonly clock?: StreamClock;
  readonly random?: StreamRandom;
}

/** A chunk of the largest size that streams take, and what is around it. */
const COMMAND_BYTES_MAX = 1024 * 1024 + 4_096;
const GIVE_UP_MS = 30_000;

const systemClock: StreamClock = {
  nowMs: () => Date.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

const systemRandom: StreamRandom = {
  next: () => Math.random(),
  id(bytes) {
    const random = crypto.getRandomValues(new Uint8Array(bytes));
    return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  },
};

/** The way to one stream over HTTP, for readers and producers alike. */
export function createHttpTransport(options: HttpTransportOptions): StreamTransport {
  const { clock = systemClock, random = systemRandom } = options;
  const { commandBytesMax = COMMAND_BYTES_MAX, giveUpMs = GIVE_UP_MS } = options;
  const line = new HttpLine(options.topic, options, clock);
  const sender = new CommandSender({ line, clock, random, giveUpMs, bodyMax: commandBytesMax });
  return {
    clock,
    random,
    commandBytesMax,
    call: (command, input) => sender.call(command, input),
    follow(followed, observer) {
      const follower = new HttpFollower({ line, clock, random }, followed, observer);
      follower.start();
      return () => follower.stop();
    },
  };
}
