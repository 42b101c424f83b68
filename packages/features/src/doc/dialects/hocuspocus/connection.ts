import { closeReason, PlexlineError, parseTopic } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { HocuspocusDocument } from "./document.ts";
import {
  decodeHocuspocusMessage,
  encodeAuthenticated,
  encodeAwareness,
  encodeClose,
  encodeDenied,
  encodeTokenRequest,
  type HocuspocusFrame,
  type HocuspocusMessage,
  PING,
} from "./frame.ts";
import type { HocuspocusFrameCache } from "./frame-cache.ts";
import { closeCodeFor, denialOf, isDenial } from "./refusal.ts";
import type { Seat } from "./seat.ts";

export interface HocuspocusConnectionOptions {
  /** The topic of a document by its name. */
  readonly topicOf: (name: string) => string;
  readonly frames: HocuspocusFrameCache;
}

/** Addresses of one connection, those that were denied included. */
const ADDRESSES_MAX = 256;
/** Addresses that wait to be let in. */
const PENDING_MAX = 100;
/** Frames that wait for their address to be let in, of all addresses together. */
const QUEUED_MAX = 1_000;
/** Their bytes. */
const QUEUED_BYTES_MAX = 2 * 1024 * 1024;
/** Longest name of a document, in bytes of UTF-8. */
const NAME_BYTES_MAX = 255;
/** Providers give a connection up on which nothing arrived for 30 seconds. */
const KEEP_ALIVE_AFTER_MS = 12_000;
const NOBODY = Uint8Array.of(0);

type AuthFrame = Extract<HocuspocusFrame, { type: "auth" }>;

/** Where an address stands. */
type Place =
  /** Nothing is known of it but what it sent. `isJoining`: a token has come. */
  | { readonly state: "waiting"; readonly queue: HocuspocusFrame[]; isJoining: boolean }
  | { readonly state: "joined"; readonly document: HocuspocusDocument; readonly seat: Seat }
  /** What follows is not heard, until another token comes. */
  | { readonly state: "denied" };

/** One connection of a Hocuspocus client: its addresses, who let them in, and their documents. */
export class HocuspocusConnection {
  readonly #ws: EndpointSession;
  readonly #options: HocuspocusConnectionOptions;
  readonly #places = new Map<string, Place>();
  readonly #documents = new Map<string, HocuspocusDocument>();
  #queued = 0;
  #queuedBytes = 0;
  #isKeptAlive = false;
  #isOver = false;

  constructor(ws: EndpointSession, options: HocuspocusConnectionOptions) {
    this.#ws = ws;
    this.#options = options;
  }

  /** Takes a message of the client. Settles when the room has it, so that the engine reads no faster than rooms take. */
  hear(message: string | Uint8Array): void | Promise<void> {
    if (this.#isOver) return;
    let heard: HocuspocusMessage;
    try {
      heard = decodeHocuspocusMessage(message);
    } catch (error) {
      this.#close(PlexlineError.from(error));
      return;
    }
    if (heard === "pong") return;
    const { address, frame } = heard;
    const place = this.#placeOf(address);
    if (place === null) {
      if (frame.type === "auth") this.#ws.send(encodeDenied(address, denialOf(tooMany())));
      return;
    }
    return this.#hearAt(address, place, frame, message.length);
  }

  /** Asks every address for a new token. */
  askForToken(): void {
    for (const [address, { state }] of this.#places)
      if (state === "joined") this.#ws.send(encodeTokenRequest(address));
  }

  onClose(): void {
    this.#isOver = true;
  }

  #placeOf(address: string): Place | null {
    const known = this.#places.get(address);
    if (known) return known;
    const pending = [...this.#places.values()].filter(({ state }) => state === "waiting").length;
    if (this.#places.size >= ADDRESSES_MAX || pending >= PENDING_MAX) return null;
    const place: Place = { state: "waiting", queue: [], isJoining: false };
    this.#places.set(address, place);
    return place;
  }

  #hearAt(address: string, place: Place, frame: HocuspocusFrame, bytes: number): void | Promise<void> {
    if (place.state === "joined") return this.#hearJoined(address, place, frame);
    if (place.state === "waiting" && place.isJoining) {
      this.#enqueue(place.queue, frame, bytes);
      return;
    }
    if (frame.type === "close") {
      this.#places.delete(address);
      if (place.state === "waiting") this.#release(place.queue);
      this.#ws.send(encodeClose(address, "left"));
    } else if (frame.type === "auth") {
      const waiting: Place =
        place.state === "waiting" ? place : { state: "waiting", queue: [], isJoining: true };
      waiting.isJoining = true;
      this.#places.set(address, waiting);
      void this.#join(address, waiting.queue, frame);
    } else if (place.state === "waiting") this.#enqueue(place.queue, frame, bytes);
  }

  #hearJoined(
    address: string,
    { document, seat }: Extract<Place, { state: "joined" }>,
    frame: HocuspocusFrame,
  ): void | Promise<void> {
    if (frame.type === "auth") return this.#renew(address, document, frame);
    if (frame.type !== "close") return document.hear(seat, frame);
    this.#places.delete(address);
    if (document.leave(seat)) this.#forget(document);
    this.#ws.send(encodeClose(address, "left"));
  }

  async #join(address: string, queue: HocuspocusFrame[], { token, version }: AuthFrame): Promise<void> {
    try {
      const topic = parseTopic(this.#options.topicOf(nameOf(address)), "The document's topic");
      await this.#ws.authenticate(token === "" ? undefined : token);
      this.#keepAlive(address, version);
      const document = this.#documentOf(topic);
      const seat = await document.enter(address);
      if (this.#isOver) return;
      if (document.isOver) throw new PlexlineError("REVOKED");
      this.#places.set(address, { state: "joined", document, seat });
      this.#ws.send(encodeAuthenticated(address, document.scope));
      document.admit(seat);
    } catch (error) {
      this.#release(queue);
      this.#refuse(address, PlexlineError.from(error));
      return;
    }
    this.#release(queue, address);
  }

  /** A token of an address that is in: the session goes on with it, or with the old one until that ends. */
  async #renew(address: string, document: HocuspocusDocument, { token }: AuthFrame): Promise<void> {
    try {
      await this.#ws.authenticate(token === "" ? undefined : token);
      if (!document.isOver && !this.#isOver) this.#ws.send(encodeAuthenticated(address, document.scope));
    } catch (error) {
      if (!this.#isOver) this.#ws.send(encodeDenied(address, denialOf(PlexlineError.from(error))));
    }
  }

  #documentOf(topic: string): HocuspocusDocument {
    const known = this.#documents.get(topic);
    if (known && !known.isOver) return known;
    const document: HocuspocusDocument = new HocuspocusDocument({
      ws: this.#ws,
      topic,
      frames: this.#options.frames,
      onEnded: (error) => this.#onEnded(document, error),
      onFailed: (error) => this.#close(error),
    });
    this.#documents.set(topic, document);
    return document;
  }

  #forget(document: HocuspocusDocument): void {
    if (this.#documents.get(document.topic) === document) this.#documents.delete(document.topic);
  }

  /** A document is over: all its addresses are denied, and what they send is not heard. */
  #onEnded(document: HocuspocusDocument, error: PlexlineError): void {
    this.#forget(document);
    if (!isDenial(error)) {
      this.#close(error);
      return;
    }
    for (const [address, place] of this.#places)
      if (place.state === "joined" && place.document === document) this.#refuse(address, error);
  }

  #refuse(address: string, error: PlexlineError): void {
    if (this.#isOver) return;
    if (!isDenial(error)) {
      this.#close(error);
      return;
    }
    this.#places.set(address, { state: "denied" });
    this.#ws.send(encodeDenied(address, denialOf(error)));
  }

  #keepAlive(address: string, version: string | null): void {
    if (this.#isKeptAlive) return;
    this.#isKeptAlive = true;
    this.#ws.keepAlive(version === null ? encodeAwareness(address, NOBODY) : PING, KEEP_ALIVE_AFTER_MS);
  }

  #enqueue(queue: HocuspocusFrame[], frame: HocuspocusFrame, bytes: number): void {
    queue.push(frame);
    this.#queued += 1;
    this.#queuedBytes += bytes;
    if (this.#queued <= QUEUED_MAX && this.#queuedBytes <= QUEUED_BYTES_MAX) return;
    this.#close(
      new PlexlineError("OVERLOADED", { message: "Too much was sent before the document was open." }),
    );
  }

  /** Hears what waited for an address, or drops it. What waits is rarely more than a handshake: it is counted as a whole. */
  #release(queue: HocuspocusFrame[], address?: string): void {
    const frames = queue.splice(0);
    this.#queued -= frames.length;
    if (this.#queued === 0) this.#queuedBytes = 0;
    if (address === undefined) return;
    for (const frame of frames) {
      const place = this.#places.get(address);
      if (!place || this.#isOver) return;
      const hearing = this.#hearAt(address, place, frame, 0);
      hearing?.catch((error: unknown) => this.#close(PlexlineError.from(error)));
    }
  }

  #close(error: PlexlineError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ws.close(closeCodeFor(error), closeReason(error.code, error.message));
  }
}

/** The name of the document that an address is about; behind a NUL comes what tells one provider from another. */
function nameOf(address: string): string {
  const end = address.indexOf("\0");
  const name = end === -1 ? address : address.slice(0, end);
  const refuse = (message: string): never => {
    throw new PlexlineError("TOPIC_INVALID", { message });
  };
  if (name.trim() === "") refuse("The name of the document is empty.");
  if (new TextEncoder().encode(name).length > NAME_BYTES_MAX)
    refuse(`The name of the document has more than ${NAME_BYTES_MAX} bytes.`);
  return name;
}

function tooMany(): PlexlineError {
  return new PlexlineError("SUBSCRIPTIONS_MAX", { message: "The connection has too many documents." });
}
