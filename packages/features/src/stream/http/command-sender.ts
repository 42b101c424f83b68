import { type ErrorBody, isErrorCode, PlexlineError } from "@plexline/protocol";
import type { StreamCommand } from "../protocol.ts";
import type { StreamClock, StreamRandom } from "../transport.ts";
import type { HttpLine } from "./line.ts";
import { BATCH_COMMANDS_MAX, type BatchAnswer } from "./message.ts";

/** One that waits to be sent, or for its answer. */
interface Call {
  /** As it stands in the body. */
  readonly text: string;
  readonly madeAtMs: number;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: PlexlineError) => void;
}

export interface CommandSenderOptions {
  readonly line: HttpLine;
  readonly clock: StreamClock;
  readonly random: StreamRandom;
  /** How long a command is sent again before it is given up, in milliseconds. */
  readonly giveUpMs: number;
  /** Largest body, in characters of JSON; one command may be longer. */
  readonly bodyMax: number;
}

const CALLS_MAX = 1_024;
const RETRY_BASE_MS = 100;
const RETRY_CAP_MS = 5_000;
const KEY_BYTES = 16;

/**
 * Sends commands over HTTP in the order of the calls: one request is on its way at a time, with all that was called meanwhile
 * in the next. A request without an answer is sent again as it was, because its commands may have been carried out: each
 * is one that the stream knows again, or has a key.
 */
export class CommandSender {
  readonly #options: CommandSenderOptions;
  #waiting: Call[] = [];
  #isSending = false;

  constructor(options: CommandSenderOptions) {
    this.#options = options;
  }

  /** Resolves with the output; rejects with a PlexlineError. */
  call(command: StreamCommand, input: unknown): Promise<unknown> {
    if (this.#waiting.length >= CALLS_MAX) return Promise.reject(new PlexlineError("QUEUE_FULL"));
    const { clock, random } = this.#options;
    const key = isKnownAgain(command, input) ? {} : { key: random.id(KEY_BYTES) };
    let text: string;
    try {
      text = JSON.stringify({ command, input, ...key });
    } catch (cause) {
      const message = `The input is not JSON: ${String(cause)}.`;
      return Promise.reject(new PlexlineError("PAYLOAD_INVALID", { message, cause }));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, madeAtMs: clock.nowMs(), resolve, reject });
      if (this.#isSending) return;
      this.#isSending = true;
      // What is called in one go leaves together.
      queueMicrotask(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#deliver(this.#take());
    this.#isSending = false;
  }

  #take(): Call[] {
    let length = 0;
    let count = 0;
    for (const { text } of this.#waiting) {
      length += text.length + 1;
      if (count > 0 && (count === BATCH_COMMANDS_MAX || length > this.#options.bodyMax)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** Sends calls until they are answered, refused as a whole, or too old. */
  async #deliver(calls: readonly Call[]): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      try {
        settle(calls, await this.#post(calls));
        return;
      } catch (reason) {
        const error = PlexlineError.from(reason);
        const { clock, giveUpMs } = this.#options;
        // The oldest is the first: they leave in their order, and are given up in one piece.
        const isOver = clock.nowMs() - (calls[0]?.madeAtMs ?? 0) >= giveUpMs;
        if (error.retry === "never" || isOver) {
          for (const { reject } of calls) reject(error);
          return;
        }
        await this.#pause(failures, error.retryAfterMs);
      }
    }
  }

  async #post(calls: readonly Call[]): Promise<readonly BatchAnswer[]> {
    const body = `[${calls.map(({ text }) => text).join(",")}]`;
    const response = await this.#options.line.request("", { method: "POST", body });
    // An answer that was cut is none.
    const answers: unknown = await response.json().catch((cause: unknown) => {
      throw new PlexlineError("DISCONNECTED", { cause });
    });
    if (Array.isArray(answers) && answers.length === calls.length) return answers as BatchAnswer[];
    throw new PlexlineError("INTERNAL", { message: "The server has not answered every command." });
  }

  #pause(failures: number, leastMs = 0): Promise<void> {
    const { clock, random } = this.#options;
    const backoffMs = random.next() * Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** failures);
    return new Promise((resolve) => void clock.setTimer(resolve, Math.max(leastMs, backoffMs)));
  }
}

function settle(calls: readonly Call[], answers: readonly BatchAnswer[]): void {
  for (const [index, { resolve, reject }] of calls.entries()) {
    const answer = answers[index] as BatchAnswer;
    if ("output" in answer) resolve(answer.output);
    else reject(errorFrom(answer.error));
  }
}

function errorFrom(body: ErrorBody): PlexlineError {
  return new PlexlineError(isErrorCode(body.code) ? body.code : "INTERNAL", body);
}

/** Whether the stream itself takes a command that comes twice for one [SH4]. */
function isKnownAgain(command: StreamCommand, input: unknown): boolean {
  const { producer, id } = (input ?? {}) as { readonly producer?: unknown; readonly id?: unknown };
  switch (command) {
    case "append":
      return producer !== undefined;
    case "cancel":
    case "steer":
    case "respond":
      return id !== undefined;
    // Sent again it would make a generation more.
    case "attach":
    case "create":
    case "describe":
    case "delete":
      return false;
    default:
      return true;
  }
}
