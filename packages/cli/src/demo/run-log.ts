import { type RunState, runFold } from "@plexline/features/server";
import type { StreamRequest } from "@plexline/features/stream";
import type { StreamApi } from "@plexline/features/stream/server";
import { PlexlineError } from "@plexline/protocol";

/** What a run's log says of it, which is all that a successor knows. */
export interface RunStanding {
  readonly state: RunState;
  /** Answers to input requests, by the request's id; null for one that was declined. */
  readonly answers: ReadonlyMap<string, unknown>;
  readonly isClosed: boolean;
}

/** Follows a run's log from its beginning. */
export class RunLog {
  readonly #answers = new Map<string, unknown>();
  readonly #handle: ReturnType<StreamApi["read"]>;
  readonly #waiting = new Set<{ look(): void; fail(error: PlexlineError): void }>();
  #offset = 0;
  #failure: PlexlineError | null = null;

  constructor(api: StreamApi) {
    const handle = api.read<RunState>({ since: "start", fold: runFold });
    this.#handle = handle;
    const heard = ({ offset }: { readonly offset: number }) => {
      this.#offset = Math.max(this.#offset, offset);
      for (const each of [...this.#waiting]) each.look();
    };
    handle.on("request", (request, meta) => {
      if (request.ask !== undefined) this.#answers.set(request.ask, answerOf(request));
      heard(meta);
    });
    for (const event of ["chunk", "outcome", "ask", "producer", "close"] as const)
      handle.on(event, (_value: unknown, meta: { readonly offset: number }) => heard(meta));
    handle.on("fold", () => heard({ offset: 0 }));
    handle.on("error", (error) => this.#fail(error));
  }

  /** Undefined until the fold is known. */
  get standing(): RunStanding | undefined {
    const state = this.#handle.fold as RunState | undefined;
    if (state === undefined) return undefined;
    return { state, answers: this.#answers, isClosed: this.#handle.end !== undefined };
  }

  /** Where the run stands now, with everything that is in its log when this is called. */
  async catchUp(): Promise<RunStanding> {
    const { position } = await this.#handle.info();
    return this.until(() => this.#offset >= position.offset);
  }

  /** Resolves as soon as the log says so. Rejects with a PlexlineError when it cannot be followed any more. */
  until(isSo: (standing: RunStanding) => boolean): Promise<RunStanding> {
    return new Promise((resolve, reject) => {
      const waiting = {
        look: () => {
          const { standing } = this;
          if (standing === undefined || !isSo(standing)) return;
          this.#waiting.delete(waiting);
          resolve(standing);
        },
        fail: reject,
      };
      if (this.#failure !== null) return reject(this.#failure);
      this.#waiting.add(waiting);
      waiting.look();
    });
  }

  close(): void {
    this.#handle.leave();
    this.#fail(new PlexlineError("STREAM_CLOSED", { message: "The log is not followed any more." }));
  }

  #fail(error: PlexlineError): void {
    this.#failure ??= error;
    for (const each of [...this.#waiting]) each.fail(this.#failure);
    this.#waiting.clear();
  }
}

function answerOf({ status, data }: StreamRequest): unknown {
  return status === "declined" ? null : data;
}
