import { PlexlineError } from "@plexline/protocol";
import type { DocumentMode } from "../../../steps/protocol.ts";
import type { FabricPlace } from "./place.ts";
import { isDenial } from "./refusal.ts";
import type { StepsJoin, StepsTopic } from "./steps.ts";
import { encodeMode } from "./steps-frame.ts";

/** How one document of a connection is edited, as far as is known, and what its client has been told of that. */
export class FabricMode {
  readonly #place: FabricPlace;
  readonly #hasContent: () => boolean;
  /** What the steps topic has told; it never changes. */
  #fixed: DocumentMode | null = null;
  /** What came of joining the steps topic; null before that. */
  #steps: StepsJoin | null;
  /** Whether the client may fix the mode, as far as is known. */
  #mayClaim = true;
  /** A claim that is under way: what was written meanwhile keeps its order. */
  #claiming: Promise<void> | null = null;
  /** What the client has been told; undefined until it has been greeted. */
  #told: DocumentMode | null | undefined;

  /** `hasContent`: there is Yjs content. `isGreeted`: `connected` was about another document, or came before. */
  constructor(place: FabricPlace, hasContent: () => boolean, isGreeted: boolean) {
    this.#place = place;
    this.#hasContent = hasContent;
    this.#steps = place.stepsTopic === null ? "absent" : null;
    this.#told = isGreeted ? null : undefined;
  }

  get fixed(): DocumentMode | null {
    return this.#fixed;
  }

  /** Null while that is open, or not known. Content of other dialects makes it Yjs as well. */
  get current(): DocumentMode | null {
    if (this.#fixed !== null) return this.#fixed;
    return this.isPlain || this.#hasContent() ? "yjs" : null;
  }

  /** There is no steps topic for this client: the document is Yjs to it. */
  get isPlain(): boolean {
    return this.#fixed === null && (this.#steps === "denied" || this.#steps === "absent");
  }

  /** The steps topic is there, and not for this client. */
  get isDenied(): boolean {
    return this.#steps === "denied";
  }

  /** Whether Yjs content needs a claim first, or waits for one, as far as the client may make it. */
  get isOpen(): boolean {
    return this.#claiming !== null || (this.#fixed === null && !this.isPlain && this.#mayClaim);
  }

  /** The mode for `connected`; once it is another one, `mode` tells. */
  greet(): DocumentMode | null {
    this.#told = this.current;
    return this.#told;
  }

  joined(steps: StepsJoin): void {
    this.#steps = steps;
    this.#mayClaim = true;
  }

  fix(mode: DocumentMode): void {
    this.#fixed = mode;
    this.tell();
  }

  /** Tells the client by `mode`, if there is anything new to tell [FB19]. */
  tell(): void {
    const { current } = this;
    if (this.#told === undefined || current === null || current === this.#told || this.isPlain) return;
    this.#told = current;
    this.#place.send(encodeMode(this.#place.documentId, current));
  }

  /** Throws if the document is edited in another mode. */
  assert(wanted: DocumentMode): void {
    const { current } = this;
    if (current !== null && current !== wanted) throw editedIn(current);
  }

  /** Fixes the mode, if the client may [FB21]. Who may not writes as in other dialects, and the next who may fixes it. */
  claimYjs(steps: StepsTopic): Promise<void> {
    this.#claiming ??= this.#claim(steps);
    return this.#claiming;
  }

  async #claim(steps: StepsTopic): Promise<void> {
    try {
      await steps.claim("yjs");
    } catch (reason) {
      if (!isDenial(PlexlineError.from(reason, "HANDLER_FAILED"))) throw reason;
      this.#mayClaim = false;
    } finally {
      this.#claiming = null;
    }
  }
}

function editedIn(mode: DocumentMode): PlexlineError {
  if (mode === "steps")
    return new PlexlineError("OPERATION_UNSUPPORTED", {
      message: "This document is edited in steps and takes no Yjs messages.",
      fix: 'Send "update" with {version, steps, clientID} and "sync" with {version}, or use another document.',
    });
  return new PlexlineError("OPERATION_UNSUPPORTED", {
    message: "This document is edited with Yjs and takes no steps.",
    fix: "Send Yjs updates, or use another document.",
  });
}
