import { setMaxListeners } from "node:events";
import type { RunEvent } from "@plexline/features/stream";
import type { StreamApi } from "@plexline/features/stream/server";
import { PlexlineError } from "@plexline/protocol";
import { type App, type Logger, systemClock } from "@plexline/server";
import { performRun, type RunSettings } from "./agent.ts";
import { RunRegister } from "./register.ts";

/** Runs that go on at a time: it is a demonstration. */
const RUNS_MAX = 16;
const REGISTER_PATH = "playground/runs";
/** Name of the metadata that says how a run was asked for. */
const METADATA = "playground";

export type { RunSettings };

export interface BegunRun {
  readonly created: boolean;
  readonly settings: RunSettings;
}

/** The streams of a server, as far as the demonstration needs them. */
interface StreamsApp {
  stream(name: string, params: Readonly<Record<string, string>>): StreamApi;
}

/** The demonstration runs of one server that is up. A process that comes after it takes up what has not ended. */
export class DemoRuns {
  readonly #app: StreamsApp;
  readonly #log: Logger;
  readonly #register: RunRegister;
  readonly #stopped = new AbortController();
  readonly #loaded: Promise<void>;

  /** Null for an app that has no runs under the name `run`, or no streams under `stream`. */
  static of(app: App, log: Logger): DemoRuns | null {
    const isStream = (name: string) => app.topics[name]?.feature === "stream";
    // The names of the topics are known only now; `stream` is the method of their feature.
    return isStream("run") && isStream("stream") ? new DemoRuns(app as unknown as StreamsApp, log) : null;
  }

  constructor(app: StreamsApp, log: Logger) {
    this.#app = app;
    this.#log = log;
    // Each run listens.
    setMaxListeners(0, this.#stopped.signal);
    this.#register = new RunRegister(app.stream("stream", { path: REGISTER_PATH }));
    this.#loaded = this.#takeUp();
    this.#loaded.catch((error: unknown) => this.#report("register", error));
  }

  /**
   * Begins a run. One that is there already is left as it is: `created` is false, with its own settings.
   *
   * @throws PlexlineError OVERLOADED when too many go on, PAYLOAD_INVALID for a run of somebody else's.
   */
  async begin(id: string, settings: RunSettings): Promise<BegunRun> {
    await this.#loaded;
    if (this.#register.size >= RUNS_MAX && !this.#register.has(id))
      throw new PlexlineError("OVERLOADED", {
        message: `${RUNS_MAX} runs are going on.`,
        fix: "Wait for one to end, or cancel one.",
      });
    // Registered first: if the process dies in between, there is nothing to take up, and that is found out.
    if (!this.#register.has(id)) await this.#register.add(id);
    const { created, info } = await this.#api(id).create({ metadata: { [METADATA]: settings } });
    const own = settingsOf(info.metadata);
    if (created) this.#perform(id, settings);
    else if (info.closed || own === null) await this.#register.remove(id);
    if (own !== null) return { created, settings: own };
    throw new PlexlineError("PAYLOAD_INVALID", {
      message: "There is a run of this id that the playground has not begun.",
      fix: "Choose another id.",
    });
  }

  /** Lets go of all runs: whoever comes next takes them up. */
  stop(): void {
    this.#stopped.abort();
    this.#register.close();
  }

  async #takeUp(): Promise<void> {
    for (const id of await this.#register.load()) {
      const settings = await this.#settingsOf(id);
      if (settings === null) await this.#register.remove(id);
      else this.#perform(id, settings);
    }
  }

  /** Null for a run that is over, or was never begun. */
  async #settingsOf(id: string): Promise<RunSettings | null> {
    try {
      const { closed, metadata } = await this.#api(id).read().info();
      return closed === null ? settingsOf(metadata) : null;
    } catch (reason) {
      if (PlexlineError.from(reason).code === "STREAM_ABSENT") return null;
      throw reason;
    }
  }

  #perform(id: string, settings: RunSettings): void {
    const { signal } = this.#stopped;
    performRun({ api: this.#api(id), settings, clock: systemClock, signal })
      .then(async (end) => {
        if (end === "ended") await this.#register.remove(id);
      })
      .catch((error: unknown) => this.#report(id, error));
  }

  #api(id: string): StreamApi<RunEvent> {
    return this.#app.stream("run", { id }) as StreamApi<RunEvent>;
  }

  /** A run that cannot go on now is taken up by the next process. */
  #report(run: string, error: unknown): void {
    if (!this.#stopped.signal.aborted) this.#log.warn({ action: "playground.run", run, error });
  }
}

function settingsOf(metadata: Readonly<Record<string, unknown>> | undefined): RunSettings | null {
  return parseSettings(metadata?.[METADATA]);
}

/** Reads what a run is asked for with; null for what is none. */
export function parseSettings(value: unknown): RunSettings | null {
  if (typeof value !== "object" || value === null) return null;
  const { seed, tokensPerSecond } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(seed) || Math.abs(seed as number) > 1_000_000) return null;
  if (typeof tokensPerSecond !== "number" || !(tokensPerSecond >= 1 && tokensPerSecond <= 100)) return null;
  return { seed: seed as number, tokensPerSecond };
}
