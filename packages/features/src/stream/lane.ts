import { PlexlineError, type Position } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import { ABSENT, applyChange, type Change, type StreamState, type Verdict } from "./state.ts";
import { commitChange, type Loaded, loadState } from "./store.ts";

/** Commands of a stream that may wait or be under way at once on a node. Over it: OVERLOADED. */
const COMMANDS_MAX = 4_096;
/** How often a command is tried. Whoever is overtaken sees what overtook it the next time. */
const TRIES_MAX = 4;
/** How long a node that ends a stream is given to begin its log anew before another one does, in milliseconds. */
const ENDING_MS = 10_000;

/** Decides about a command by what is known; a throw is its error. Called again when that turns out to be out of date. */
export type Decide<Output> = (state: StreamState) => Verdict<Output>;

interface Command {
  readonly decide: Decide<unknown>;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
  tries: number;
}

/**
 * The commands of a stream on this node, in their order. Each is decided on the state that those before it will leave, and
 * committed at once, so that many are under way; the storage carries them out in this order. When one fails, those behind it
 * were decided on what never came to be, and fail their checks: all of them are decided again, in their order, on what is
 * durable then.
 *
 * What needs no commit is answered only from a state that has just been read: neither a commit under way, which may fail,
 * nor another node's, which is not known here, makes an answer untrue.
 */
export class Lane {
  readonly #topic: TopicContext;
  readonly #onCommitted: (change: Change) => void;
  #loaded: Loaded = { state: ABSENT, versions: new Map() };
  /** In their order, oldest first. */
  #waiting: Command[] = [];
  /** Commands to be decided again, before those that wait. */
  #overtaken: Command[] = [];
  #underWay = 0;
  /** The state is what has just been read, and nothing is under way. */
  #isFresh = false;
  #mustLoad = true;
  #isLoading = false;
  /** This node has ended a stream and not begun its log anew. */
  #owesReset = false;
  #isClosed = false;

  /** `onCommitted` is told of every change that has become durable. */
  constructor(topic: TopicContext, onCommitted: (change: Change) => void) {
    this.#topic = topic;
    this.#onCommitted = onCommitted;
  }

  /** What is known now, commands under way included. */
  get state(): StreamState {
    return this.#loaded.state;
  }

  /** Reads the state for the first time. */
  async open(): Promise<void> {
    this.#loaded = await this.#load();
    this.#mustLoad = false;
  }

  /** What is known may be out of date: it is read before the next command. */
  invalidate(): void {
    this.#mustLoad = true;
  }

  run<Output>(decide: Decide<Output>): Promise<Output> {
    if (this.#isClosed) return Promise.reject(streamClosedHere());
    if (this.#underWay + this.#waiting.length >= COMMANDS_MAX)
      return Promise.reject(
        new PlexlineError("OVERLOADED", { message: "Too many commands of this stream wait to be stored." }),
      );
    return new Promise<Output>((resolve, reject) => {
      this.#waiting.push({ decide, resolve: resolve as Command["resolve"], reject, tries: 0 });
      this.#pump();
    });
  }

  /** Decides nothing any more; what is under way is left to the storage. */
  close(): void {
    this.#isClosed = true;
    for (const { reject } of [...this.#overtaken.splice(0), ...this.#waiting.splice(0)])
      reject(streamClosedHere());
  }

  #pump(): void {
    while (!this.#mustLoad && !this.#isLoading) {
      const command = this.#waiting[0];
      if (!command) break;
      if (!this.#take(command)) this.#mustLoad = true;
    }
    if (!this.#mustLoad) this.#isFresh = false;
    else if (!this.#isLoading && this.#underWay === 0 && this.#waiting.length + this.#overtaken.length > 0)
      void this.#reload();
  }

  /** Decides about the next command; false if that takes a state that is fresh. */
  #take(command: Command): boolean {
    let settle: () => void;
    try {
      const verdict = command.decide(this.#loaded.state);
      if ("change" in verdict) {
        this.#waiting.shift();
        this.#issue(command, verdict.change, verdict.output);
        return true;
      }
      settle = () => command.resolve(verdict.answer);
    } catch (error) {
      settle = () => command.reject(error);
    }
    if (!this.#isFresh) return false;
    this.#waiting.shift();
    settle();
    return true;
  }

  #issue(command: Command, change: Change, output: (position: Position) => unknown): void {
    const nowMs = this.#topic.clock.nowMs();
    const commit = commitChange(this.#topic, this.#loaded, change, nowMs);
    this.#loaded = { ...this.#loaded, state: applyChange(this.#loaded.state, change) };
    this.#isFresh = false;
    this.#underWay += 1;
    // Nothing follows the end of a stream until its log has begun anew.
    if (change.ends) this.#mustLoad = true;
    const committed = change.ends ? commit.then((position) => this.#beginAnew(position)) : commit;
    committed
      .then(
        (position) => {
          this.#onCommitted(change);
          command.resolve(output(position));
        },
        (error: unknown) => this.#onFailure(command, error),
      )
      .finally(() => {
        this.#underWay -= 1;
        this.#pump();
      });
  }

  #onFailure(command: Command, error: unknown): void {
    this.#mustLoad = true;
    if (!isConflict(error)) {
      command.reject(error);
      return;
    }
    command.tries += 1;
    if (this.#isClosed) command.reject(streamClosedHere());
    else if (command.tries < TRIES_MAX) this.#overtaken.push(command);
    else
      command.reject(
        new PlexlineError("OVERLOADED", { message: "The stream changes too fast.", cause: error }),
      );
  }

  async #reload(): Promise<void> {
    this.#isLoading = true;
    this.#waiting = [...this.#overtaken.splice(0), ...this.#waiting];
    try {
      // Whoever finds it out of date from now on is heard.
      this.#mustLoad = false;
      this.#loaded = await this.#load();
      this.#isFresh = true;
    } catch (error) {
      this.#mustLoad = true;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
    this.#isLoading = false;
    this.#pump();
  }

  /** Begins the log of a stream that is gone anew, if whoever ended it has not got to it. */
  async #load(): Promise<Loaded> {
    const loaded = await loadState(this.#topic);
    const { ended } = loaded.state;
    if (!ended) return loaded;
    const began = { ...loaded, state: ABSENT };
    // This node may not have heard yet that the log is another one: the log itself knows.
    const head = this.#topic.window?.head ?? 0;
    const { epoch } = await this.#topic.readEvents(head, { entriesMax: 1, bytesMax: 1 });
    if (epoch !== ended.epoch) return began;
    const isOverdue = this.#topic.clock.nowMs() - ended.atMs >= ENDING_MS;
    if (!this.#owesReset && !isOverdue) return loaded;
    await this.#beginAnew({ epoch, offset: head });
    return began;
  }

  /** Begins anew the log that went with a stream; whoever comes to that late finds it done. */
  async #beginAnew(last: Position): Promise<Position> {
    this.#owesReset = true;
    try {
      await this.#topic.reset(last.epoch);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    this.#owesReset = false;
    return last;
  }
}

/** Whether somebody else was first. */
function isConflict(error: unknown): boolean {
  return error instanceof Error && error.name === "ConflictError";
}

/** The error of whatever reaches a stream that this node has let go of. */
export function streamClosedHere(): PlexlineError {
  return new PlexlineError("SHUTTING_DOWN", {
    message: "The stream was let go of on this node; nothing was done.",
  });
}
