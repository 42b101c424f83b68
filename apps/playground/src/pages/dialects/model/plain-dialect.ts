import type { Awareness } from "y-protocols/awareness";
import type { Doc } from "yjs";
import type { Trouble } from "../../../editing/document-line.ts";
import type { Direction } from "../../../editing/frame-log.ts";
import type { EditorAwareness } from "../../../editing/shared-text.ts";
import type { Person } from "../../../session/person.ts";

/** One JSON message. */
export type Message = Readonly<Record<string, unknown>>;

/** Bytes in a message, and how they are to be read. */
export interface MessageBytes {
  readonly is: "update" | "state-vector" | "awareness";
  readonly bytes: Uint8Array;
}

/** A wire of JSON messages over a plain WebSocket, which needs no library: an address, and what is said to what is heard. */
export interface PlainDialect {
  /** Where to connect, and what to offer. */
  address(
    person: Person,
    name: string,
    token: string,
  ): { readonly url: string; readonly protocols?: string[] };
  /** Who has a cursor, as far as the wire has words for it; `say` is silent while there is no connection. */
  createAwareness(doc: Doc, person: Person, name: string, say: Say): DialectAwareness | null;
  converse(conversation: Conversation): Talk;
  /** For the wire log. */
  bytesOf(message: Message, direction: Direction): readonly MessageBytes[];
}

export type Say = (message: Message) => void;

/** An awareness of a dialect, and what it does when a connection comes and goes. */
export interface DialectAwareness {
  readonly awareness: EditorAwareness | Awareness;
  /** Shows the own cursor on a connection that is new. */
  show(): void;
  heard(message: Message): void;
  /** Nobody else is known to be there any more. */
  forget(): void;
  close(): void;
}

/** One connection, as a dialect's client sees it. */
export interface Conversation {
  readonly person: Person;
  readonly name: string;
  readonly doc: Doc;
  readonly say: Say;
  /** Takes over what the server tells. */
  merge(update: Uint8Array): void;
  /** The server was sent what it lacked: from now on each edit goes as it is made. */
  caughtUp(): void;
  /** Everything that the server has is here. */
  synced(): void;
  /** Shows what the server refuses. */
  complain(trouble: Trouble): void;
  /** As `complain`, and ends the line until the user connects again. */
  giveUp(trouble: Trouble): void;
  /** Does something a while later, unless the connection has ended by then. */
  later(action: () => void): void;
}

/** A dialect's client on one connection. */
export interface Talk {
  opened?(): void;
  heard(message: Message): void;
  /** The user edited, after `caughtUp`. */
  edited(update: Uint8Array): void;
}
