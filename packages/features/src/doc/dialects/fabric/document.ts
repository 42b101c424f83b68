import { PlexlineError } from "@plexline/protocol";
import type { DocumentMode } from "../../../steps/protocol.ts";
import { EMPTY_UPDATE } from "../../protocol.ts";
import { bytesOf } from "./bytes.ts";
import { encodeError, type FabricFrames } from "./frame.ts";
import type { FabricMessage } from "./message.ts";
import { FabricMode } from "./mode.ts";
import type { FabricPlace } from "./place.ts";
import { closeCodeFor } from "./refusal.ts";
import { StepsTopic } from "./steps.ts";
import { isStepsData, type StepsData, versionOf } from "./steps-data.ts";
import type { StepsFrames } from "./steps-frame.ts";
import { syncDataOf } from "./sync-data.ts";
import { YjsTopic } from "./yjs.ts";

/** What the connections of an endpoint share. */
export interface Frames {
  readonly yjs: FabricFrames;
  readonly steps: StepsFrames;
}

/**
 * One document of a connection. It is edited with Yjs or in steps, whichever its first writer chose; the steps topic knows
 * which, and where there is none it is Yjs.
 */
export class FabricDocument {
  readonly #place: FabricPlace;
  readonly #yjs: YjsTopic;
  /** Null where documents have no steps. */
  readonly #steps: StepsTopic | null;
  readonly #mode: FabricMode;
  /** Null while it is not subscribed to. */
  #joining: Promise<void> | null = null;
  /** The connection is about to be closed. */
  #isOver = false;

  /** `isGreeted`: the connection has been told `connected` before, so that this document's mode has to be told by itself. */
  constructor(place: FabricPlace, frames: Frames, isGreeted: boolean) {
    this.#place = place;
    this.#mode = new FabricMode(place, () => this.#yjs.hasContent, isGreeted);
    const ended = (error: PlexlineError) => this.#ended(error);
    const lostLog = (reason: "trimmed" | "reset") => this.#lostLog(reason);
    this.#yjs = new YjsTopic(place, frames.yjs, { ended, lostLog, hasContent: () => this.#mode.tell() });
    this.#steps =
      place.stepsTopic === null
        ? null
        : new StepsTopic(place, place.stepsTopic, frames.steps, {
            lostLog,
            fixed: (mode) => this.#fixed(mode),
            ended: (error) => this.#stepsEnded(error),
          });
  }

  /** It is subscribed to, or that is under way. */
  get isJoined(): boolean {
    return this.#joining !== null;
  }

  get mode(): FabricMode {
    return this.#mode;
  }

  /** Subscribes, once for all who ask meanwhile. Rejects with the reason why not; the next call tries again. */
  join(): Promise<void> {
    if (this.#joining !== null) return this.#joining;
    const joining = this.#enter().catch((error: unknown) => {
      // Unless it ended meanwhile, and another one is under way.
      if (this.#joining === joining) this.#leave();
      throw error;
    });
    this.#joining = joining;
    return joining;
  }

  /**
   * Takes a message of any type, and joins first: whoever has no access is told that, whatever they send. Settles when the
   * room has it; rejects if it is refused, with UNKNOWN_MESSAGE for a type that there is not.
   */
  async hear(message: FabricMessage): Promise<void> {
    try {
      await this.#attempt(message);
    } catch (error) {
      if (PlexlineError.from(error).code !== "NOT_SUBSCRIBED") throw error;
      // The subscription ended under the message: what the client may now is asked once more.
      this.#leave();
      await this.#attempt(message);
    }
  }

  async #attempt(message: FabricMessage): Promise<void> {
    const isLate = !this.isJoined;
    await this.join();
    // Whoever comes in by this message has missed what was before it, and may not know that it has to ask.
    const missed = isLate && message.type !== "sync" ? this.#catchUp() : undefined;
    await Promise.all([this.#take(message), missed]);
  }

  /** The doc topic first: whoever may not open that opens nothing. */
  async #enter(): Promise<void> {
    await this.#yjs.join();
    if (this.#steps !== null && this.#mode.fixed !== "yjs") await this.#enterSteps(this.#steps);
    this.#mode.tell();
  }

  async #enterSteps(steps: StepsTopic): Promise<void> {
    this.#mode.joined(await steps.join());
    if (this.#mode.isDenied && this.#mode.fixed === "steps") throw new PlexlineError("FORBIDDEN");
    if (this.#mode.isOpen && this.#yjs.hasContent) {
      // That it could not be noted down is for whoever writes next.
      await this.#mode.claimYjs(steps).catch(() => {});
    }
  }

  #catchUp(): Promise<void> {
    if (this.#mode.fixed === "steps" && this.#steps !== null) return this.#steps.catchUp();
    return this.#yjs.sendState();
  }

  #take(message: FabricMessage): Promise<void> {
    const { type, data } = message;
    const isContent = type === "sync" || type === "update" || type === "awareness";
    if (!isContent || this.#steps === null) return this.#yjs.take(message);
    const isSteps = type !== "awareness" && isStepsData(data);
    if (this.#mode.isPlain && !(isSteps && this.#mode.isDenied)) return this.#yjs.take(message);
    if (isSteps) return this.#takeSteps(this.#steps, type, data);
    if (type === "sync" && (data === undefined || data === null))
      return this.#answerAnybody(this.#steps, message);
    return this.#takeYjs(this.#steps, message);
  }

  async #takeSteps(steps: StepsTopic, type: "sync" | "update", data: StepsData): Promise<void> {
    if (this.#mode.isPlain) throw new PlexlineError("FORBIDDEN");
    this.#mode.assert("steps");
    if (type === "sync") return steps.tellSince(versionOf(data));
    await this.#yjs.assertWriter();
    return steps.submit(data);
  }

  async #takeYjs(steps: StepsTopic, message: FabricMessage): Promise<void> {
    this.#mode.assert("yjs");
    if (this.#isFirst(message)) await this.#mode.claimYjs(steps);
    this.#mode.assert("yjs");
    return this.#yjs.take(message);
  }

  /** A question that does not say in which mode [FB23]: of a document that nobody has written it is answered in both. */
  async #answerAnybody(steps: StepsTopic, message: FabricMessage): Promise<void> {
    const { current } = this.#mode;
    await Promise.all([
      current === "steps" ? undefined : this.#yjs.take(message),
      current === "yjs" ? undefined : steps.tellSince(0),
    ]);
  }

  /** Whether a message would write the first Yjs content. Throws for bytes that cannot be read. */
  #isFirst({ type, data }: FabricMessage): boolean {
    if (!this.#mode.isOpen || !this.#yjs.mayPublish || type === "awareness") return false;
    const bytes = bytesOf(data);
    const sync = bytes.length === 0 ? null : syncDataOf(bytes);
    return sync?.kind === "update" && !isNothing(sync.update);
  }

  #fixed(mode: DocumentMode): void {
    if (mode === "steps") this.#yjs.mute();
    else this.#steps?.leave();
    this.#mode.fix(mode);
  }

  #stepsEnded(error: PlexlineError): string | null {
    if (this.#mode.fixed === "steps" || error.retry !== "never") return this.#ended(error);
    // Whether there are steps for the client is asked again with its next message.
    this.#joining = null;
    return null;
  }

  /** The client hears nothing more of the document; its next message asks for access again. */
  #ended(error: PlexlineError): string | null {
    if (this.#isOver) return null;
    this.#leave();
    if (error.retry === "never") return encodeError(error, this.#place.documentId);
    this.#close(closeCodeFor(error), error);
    return null;
  }

  #leave(): void {
    this.#joining = null;
    this.#yjs.leave();
    this.#steps?.leave();
  }

  #lostLog(reason: "trimmed" | "reset"): void {
    if (reason === "trimmed") {
      // A new connection is given what was missed.
      this.#close(4510, new PlexlineError("RESYNC"));
      return;
    }
    const message = "The document was replaced; keep a copy of yours and open it afresh.";
    this.#close(4409, new PlexlineError("RESYNC", { message }));
  }

  /** What comes before the close has happened may be of another document than the client's. */
  #close(code: number, error: PlexlineError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#leave();
    this.#place.close(code, error);
  }
}

function isNothing(update: Uint8Array): boolean {
  return update.length === EMPTY_UPDATE.length && update.every((byte, index) => byte === EMPTY_UPDATE[index]);
}
