import { type BinaryMessage, PlexlineError, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { DOC_KIND } from "../../protocol.ts";
import type { BytesForm } from "../json-bytes.ts";
import { NUMBERS_BYTES_MAX } from "./bytes.ts";
import { type Cursor, cursorsOf, type OwnCursor, type ShownCursor } from "./cursor.ts";
import { RoomCursors } from "./cursors.ts";
import type { BytesMessage, CombinedFrameCache } from "./frame-cache.ts";
import { encodeCombinedError } from "./message.ts";

export interface CombinedRoomOptions {
  /** What the client calls it. */
  readonly name: string;
  readonly topic: string;
  readonly frames: CombinedFrameCache;
  readonly cursor: OwnCursor;
  /** The form in which the client reads bytes. */
  form(): BytesForm;
  /** It is left, or was never joined; the client has been told why. */
  onEnd(room: CombinedRoom): void;
}

const UPDATE: BytesMessage = { type: "yjs:update", field: "update" };
const ANSWER: BytesMessage = { type: "yjs:sync", field: "update" };
const QUESTION: BytesMessage = { type: "yjs:sync", field: "stateVector" };

const NOTHING = new Uint8Array(0);

/** One document on a connection of the combined socket. Errors are told to the client; no promise here rejects. */
export class CombinedRoom {
  readonly #ws: EndpointSession;
  readonly #options: CombinedRoomOptions;
  readonly #cursors: RoomCursors;
  /** How many entries the document's log had at joining; 0 as well if that was refused. */
  readonly #joined: Promise<number>;
  /** Whether the client has asked for the document, or been sent it without asking. */
  #knowsContent = false;
  /** Whether a whole document is the answer to a question. */
  #hasAsked = false;
  #isShown = false;
  /** Whether the client knows that its cursor is not for this room. */
  #toldHidden = false;
  #isOver = false;

  /** Joins at once; what is sent before that is done waits. */
  constructor(ws: EndpointSession, options: CombinedRoomOptions) {
    this.#ws = ws;
    this.#options = options;
    this.#cursors = new RoomCursors(options.cursor.client);
    this.#joined = this.#join();
  }

  /** An edit. A client that has not asked for the document is sent what was there: edits of others build on it. */
  async update(update: Uint8Array): Promise<void> {
    const greeting = this.#knowsContent ? undefined : this.#send(DOC_KIND.state, NOTHING, 1);
    this.#knowsContent = true;
    await Promise.all([greeting, this.#send(DOC_KIND.update, update)]);
  }

  /** Asks for the whole document. */
  ask(): Promise<void> {
    this.#knowsContent = true;
    this.#hasAsked = true;
    return this.#send(DOC_KIND.state, NOTHING);
  }

  /** Asks for what a state vector lacks. */
  askSince(stateVector: Uint8Array): Promise<void> {
    this.#knowsContent = true;
    return this.#send(DOC_KIND.syncRequest, stateVector);
  }

  /** Answers the room's own question. */
  answer(update: Uint8Array): Promise<void> {
    this.#knowsContent = true;
    return this.#send(DOC_KIND.syncResponse, update);
  }

  /** Shows the client's cursor to the others, or hides it. */
  async show(cursor: Cursor | null): Promise<void> {
    await this.#joined;
    if (this.#isOver || (cursor === null && !this.#isShown)) return;
    this.#isShown = cursor !== null;
    const payload = this.#options.cursor.encode(cursor, this.#ws.principal);
    try {
      await this.#ws.sendBinary(this.#options.topic, DOC_KIND.awareness, payload);
    } catch (reason) {
      const error = PlexlineError.from(reason, "HANDLER_FAILED");
      // A cursor moves often: a role without presence is told of it once.
      if (error.code === "FORBIDDEN" && this.#toldHidden) return;
      this.#toldHidden = error.code === "FORBIDDEN";
      this.#tell(error);
    }
  }

  /** The client has had enough of it. */
  leave(): void {
    if (this.#isOver) return;
    this.#end();
    this.#ws.unsubscribe(this.#options.topic);
  }

  async #join(): Promise<number> {
    try {
      const { head } = await this.#ws.subscribe(this.#options.topic, {
        translate: (message) => (this.#isOver ? null : this.#translate(message)),
      });
      return head;
    } catch (reason) {
      const error = PlexlineError.from(reason);
      this.#tell(error.code === "SUBSCRIPTIONS_MAX" ? tooManyRooms(error) : error);
      this.#end();
      return 0;
    }
  }

  /** Sends to the room, in the order of the calls; with `headMin`, only if its log had so many entries at joining. */
  async #send(kind: number, payload: Uint8Array, headMin = 0): Promise<void> {
    const head = await this.#joined;
    if (this.#isOver || head < headMin) return;
    try {
      await this.#ws.sendBinary(this.#options.topic, kind, payload);
    } catch (reason) {
      this.#tell(PlexlineError.from(reason, "HANDLER_FAILED"));
    }
  }

  #translate(message: ServerMessage | BinaryMessage): string | null {
    if (!("type" in message)) return this.#translateBinary(message);
    switch (message.type) {
      case "error":
        return this.#errorOf(PlexlineError.fromBody(message.error));
      case "unsubscribed": {
        this.#end();
        const { code, message: text, fix } = message.error;
        // That it once was allowed is said by the text; the code is the one for what is not allowed.
        return this.#errorOf(
          new PlexlineError(code === "REVOKED" ? "FORBIDDEN" : code, { message: text, fix }),
        );
      }
      case "gap":
        return this.#expel(message.reason === "reset" ? wasReplaced() : wasMissed());
      default:
        return null;
    }
  }

  #translateBinary({ kind, payload }: BinaryMessage): string | null {
    switch (kind) {
      case DOC_KIND.update:
        return this.#frame(UPDATE, payload);
      case DOC_KIND.syncResponse:
        return this.#frame(ANSWER, payload);
      case DOC_KIND.syncRequest:
        return this.#frame(QUESTION, payload);
      case DOC_KIND.state:
        return this.#frame(this.#hasAsked ? ANSWER : UPDATE, payload);
      case DOC_KIND.awareness:
        for (const cursor of this.#cursors.take(cursorsOf(payload))) this.#sendCursor(cursor);
        return null;
      default:
        return null;
    }
  }

  #frame(message: BytesMessage, payload: Uint8Array): string | null {
    const form = this.#options.form();
    if (form !== "base64" && payload.length > NUMBERS_BYTES_MAX)
      return this.#expel(isTooLong(payload.length));
    return this.#options.frames.frameOf(payload, message, this.#options.name, form);
  }

  #sendCursor({ client, userId, cursor }: ShownCursor): void {
    const { name } = this.#options;
    const frame = `{"type":"presence","userId":${JSON.stringify(userId)},"cursor":${cursor},"room":${JSON.stringify(name)},"clientId":${client}}`;
    this.#ws.send(frame, { policy: "coalesce", key: `presence:${client}:${userId}` });
  }

  #errorOf(error: PlexlineError): string {
    return encodeCombinedError(error, { room: this.#options.name });
  }

  #tell(error: PlexlineError): void {
    if (!this.#isOver) this.#ws.send(this.#errorOf(error));
  }

  /** The room cannot go on for this client. Sent by itself: a message that is too long to wait may be dropped for later. */
  #expel(error: PlexlineError): null {
    this.#ws.send(this.#errorOf(error));
    this.#end();
    // Not in the middle of the message that is being sent.
    queueMicrotask(() => this.#ws.unsubscribe(this.#options.topic));
    return null;
  }

  #end(): void {
    this.#isOver = true;
    this.#options.onEnd(this);
  }
}

function tooManyRooms(cause: PlexlineError): PlexlineError {
  return new PlexlineError("SUBSCRIPTIONS_MAX", {
    message: "This connection is in as many rooms as it may be.",
    fix: "Leave one by yjs:leave, open another connection, or raise limits.subscriptionsMax.",
    cause,
  });
}

function wasReplaced(): PlexlineError {
  return new PlexlineError("RESYNC", {
    message: "The document was replaced by another one; the room was left.",
    fix: "Keep a copy of yours, and join again with a new Y.Doc by yjs:sync.",
  });
}

function wasMissed(): PlexlineError {
  return new PlexlineError("RESYNC", {
    message: "Updates were missed and cannot be sent any more; the room was left.",
    fix: "Join again by yjs:sync.",
  });
}

function isTooLong(bytes: number): PlexlineError {
  return new PlexlineError("MESSAGE_TOO_LARGE", {
    message: `${bytes} bytes are too many to be sent as numbers; the room was left.`,
    fix: "Connect anew and send the first update or state vector as base64: then bytes come as base64.",
  });
}
