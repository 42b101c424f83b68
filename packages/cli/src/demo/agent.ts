import type { RunState } from "@plexline/features/server";
import type { RunEvent } from "@plexline/features/stream";
import type { StreamApi } from "@plexline/features/stream/server";
import type { Clock } from "@plexline/server";
import { RunLog, type RunStanding } from "./run-log.ts";
import { createScript, SURVEY, tokensOf, VOICE } from "./script.ts";

const PRODUCER = "agent";
/** Short, so that a reader soon sees that nobody writes when nobody does. */
const LEASE_MS = 5_000;
const SURVEY_MS = 1_200;
/** A question that nobody answers does not keep the run for ever. */
const ASK_MS = 10 * 60_000;
const STEER_LENGTH_MAX = 280;

/** How a run was asked for. */
export interface RunSettings {
  /** A whole number that decides the text. */
  readonly seed: number;
  readonly tokensPerSecond: number;
}

export interface AgentOptions {
  readonly api: StreamApi<RunEvent>;
  readonly settings: RunSettings;
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  /** The process lets go of the run, which goes on in another one. */
  readonly signal: AbortSignal;
}

/**
 * Performs a run, or takes it up where its log says that a predecessor has stopped: as the next generation, which fences the
 * one before, with exactly the text that is still missing. Resolves when the run has ended, or when the signal lets go of it.
 */
export async function performRun(options: AgentOptions): Promise<"ended" | "let go"> {
  const { api, signal } = options;
  const producer = api.producer({ id: PRODUCER, leaseMs: LEASE_MS });
  const cancelled = new AbortController();
  const stop = AbortSignal.any([signal, cancelled.signal]);
  const log = new RunLog(api);
  const release = () => log.close();
  signal.addEventListener("abort", release, { once: true });
  try {
    await producer.attached;
    const standing = await log.catchUp();
    // What is not asked below was answered to a predecessor: the answer is in the log, and only has to be acknowledged.
    producer.onRespond(() => {});
    producer.onCancel(() => cancelled.abort());
    const agent = new Agent({ ...options, signal: stop }, { producer, log, standing });
    producer.onSteer((request) => agent.steered(request.id, request.data));
    try {
      if (standing.state.status !== "cancelled") await agent.perform();
    } catch (reason) {
      if (!cancelled.signal.aborted || signal.aborted) throw reason;
    }
    // The outcome comes first: what is pending when a run closes is refused.
    const { isClosed } = await log.until((now) => now.isClosed || now.state.status === "cancelled");
    if (!isClosed) await producer.close();
    return "ended";
  } catch (reason) {
    if (signal.aborted) return "let go";
    throw reason;
  } finally {
    signal.removeEventListener("abort", release);
    log.close();
    // Not awaited: a server that is stopping may not answer any more.
    producer.detach().catch(() => {});
  }
}

interface Begun {
  readonly producer: ReturnType<StreamApi<RunEvent>["producer"]>;
  readonly log: RunLog;
  readonly standing: RunStanding;
}

/** One generation's part of a run. */
class Agent {
  readonly #options: AgentOptions;
  readonly #producer: Begun["producer"];
  readonly #log: RunLog;
  readonly #before: RunState;
  #answers: RunStanding["answers"];
  /** Characters of the text that have been put out. */
  #written: number;

  constructor(options: AgentOptions, { producer, log, standing }: Begun) {
    this.#options = options;
    this.#producer = producer;
    this.#log = log;
    this.#before = standing.state;
    this.#answers = standing.answers;
    this.#written = contentOf(standing.state).length;
  }

  async perform(): Promise<void> {
    const { seed } = this.#options.settings;
    const { paragraphs, surveyAfter, askAfter } = createScript(seed, this.#voice);
    await this.#begin(paragraphs.join(""));
    for (const [index, text] of paragraphs.slice(0, askAfter).entries()) {
      if (index === surveyAfter) await this.#survey();
      await this.#write(paragraphs, index, text);
    }
    await this.#ask(paragraphs.slice(0, askAfter).join("").length);
    const told = createScript(seed, this.#voice).paragraphs;
    for (const [index, text] of told.entries()) if (index >= askAfter) await this.#write(told, index, text);
    await this.#producer.done({ seed, voice: this.#voice, characters: this.#written });
  }

  /** What somebody says meanwhile becomes a message of its own: once, also when a predecessor was told it. */
  async steered(id: string, data: unknown): Promise<void> {
    const part = `note-${id}`;
    if (this.#before.parts.some((each) => each.part === part)) return;
    const text = typeof data === "string" ? data : JSON.stringify(data);
    await this.#producer.append({ type: "partial", part, content: text.slice(0, STEER_LENGTH_MAX) });
  }

  get #voice(): string {
    const answer = this.#answers.get(VOICE.id);
    return typeof answer === "string" && answer !== "" ? answer : VOICE.otherwise;
  }

  async #begin(text: string): Promise<void> {
    const { generation } = await this.#producer.attached;
    const status = generation === 0 ? "Writing" : `Taken up by generation ${generation}`;
    await this.#producer.append({ type: "status", status: "running", text: status });
    if (text.startsWith(contentOf(this.#before))) return;
    // Another version of this program wrote it: it is done again.
    await this.#producer.append({ type: "reset", part: "" });
    this.#written = 0;
  }

  /** Puts out what is missing of a paragraph, at the pace that was asked for. */
  async #write(paragraphs: readonly string[], index: number, text: string): Promise<void> {
    const { tokensPerSecond } = this.#options.settings;
    const from = paragraphs.slice(0, index).join("").length;
    if (this.#written >= from + text.length && (this.#before.progress?.done ?? 0) > index) return;
    for (const token of tokensOf(text.slice(Math.max(0, this.#written - from)))) {
      await this.#pause(1_000 / tokensPerSecond);
      await this.#producer.ready;
      // What cannot be appended fails the producer, and with it what is awaited next.
      this.#producer.append({ type: "partial", content: token }).catch(() => {});
      this.#written += token.length;
    }
    const step = `Paragraph ${index + 1} of ${paragraphs.length}`;
    await this.#producer.append({ type: "progress", done: index + 1, total: paragraphs.length, step });
  }

  async #survey(): Promise<void> {
    const call = { type: "tool", id: SURVEY, name: "survey_harbour", input: { depth: "metres" } } as const;
    const known = this.#before.tools.find(({ id }) => id === SURVEY);
    if (known?.state === "done") return;
    if (known === undefined) await this.#producer.append({ ...call, state: "called" });
    await this.#pause(SURVEY_MS);
    const { seed } = this.#options.settings;
    const output = { berths: 4 + (seed % 9), depthMetres: 3 + (seed % 5) };
    await this.#producer.append({ ...call, state: "done", output });
  }

  /** Asks the readers, unless the run has gone on since: with an answer, or without. */
  async #ask(before: number): Promise<void> {
    if (this.#written > before) return;
    if (!this.#answers.has(VOICE.id)) {
      await this.#producer.append({ type: "status", status: "waiting", text: "Waiting for an answer" });
      await this.#untilAnswered();
    }
    await this.#producer.append({ type: "status", status: "running", text: "Writing" });
  }

  async #untilAnswered(): Promise<void> {
    const { clock } = this.#options;
    const open = this.#before.asks.find(({ id }) => id === VOICE.id);
    const expiresInMs = open?.expiresAtMs === undefined ? ASK_MS : open.expiresAtMs - clock.nowMs();
    const schema = { type: "string", enum: VOICE.choices };
    const options = { id: VOICE.id, schema, expiresInMs: Math.max(0, expiresInMs) };
    const inLog = this.#log.until(({ answers }) => answers.has(VOICE.id));
    inLog.catch(() => {});
    const asked = this.#producer.ask(VOICE.prompt, options);
    // An answer that came before this generation asked is in the log alone.
    const { status } = await this.#orStopped(
      Promise.race([asked, inLog.then(() => ({ status: "answered" }))]),
    );
    if (status !== "expired") this.#answers = (await this.#orStopped(inLog)).answers;
  }

  #pause(delayMs: number): Promise<void> {
    const { clock } = this.#options;
    let timer: { cancel(): void } | undefined;
    const passed = new Promise<void>((resolve) => {
      timer = clock.setTimer(resolve, delayMs);
    });
    return this.#orStopped(passed).finally(() => timer?.cancel());
  }

  #orStopped<Value>(work: Promise<Value>): Promise<Value> {
    const { signal } = this.#options;
    return new Promise((resolve, reject) => {
      const stop = () => reject(signal.reason);
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    });
  }
}

/** The text so far, without what was said to somebody in between. */
function contentOf({ parts }: RunState): string {
  return parts.find(({ part }) => part === "")?.content ?? "";
}
