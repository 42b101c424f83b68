import type { ReadonlySignal } from "@preact/signals";
import type { Doc } from "yjs";
import type { Person, PersonHere } from "../session/person.ts";
import type { SaveState } from "../session/save-state.ts";
import type { WireRows } from "../session/wire-rows.ts";
import type { EditorAwareness } from "./shared-text.ts";

/** Each status is a new object, also when the state is the same. */
export interface LineStatus {
  readonly state: "disconnected" | "connecting" | "connected";
}

/** What became of the user's own edits. `sent` is all that can be said where the wire acknowledges nothing. */
export type Delivery = SaveState | { readonly state: "sent" };

/** What the server, or the way to it, has against this user. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  /** The server holds another document under the name now; what is shown is a copy of the old one. */
  readonly replaced: boolean;
}

/** One user's line to one document, over whichever wire: what a pane shows of it, as signals, and what it can do to it. */
export interface DocumentLine {
  readonly person: Person;
  readonly doc: Doc;
  /** Null where the wire has no words for cursors. */
  readonly awareness: EditorAwareness | null;
  readonly status: ReadonlySignal<LineStatus>;
  readonly synced: ReadonlySignal<boolean>;
  readonly delivery: ReadonlySignal<Delivery>;
  readonly users: ReadonlySignal<readonly PersonHere[]>;
  readonly trouble: ReadonlySignal<Trouble | null>;
  readonly readOnly: ReadonlySignal<boolean>;
  readonly wire: ReadonlySignal<WireRows>;
  clearWire(): void;
  connect(): void;
  disconnect(): void;
  close(): void;
}

/** Whether leaving the page now would lose edits. */
export function hasUnsaved({ delivery }: Pick<DocumentLine, "delivery">): boolean {
  return !["saved", "sent"].includes(delivery.peek().state);
}

export const TOKEN_TROUBLE: Trouble = {
  code: "TOKEN_MISSING",
  message: "The server gave no token.",
  fix: "It may be away: connect again.",
  replaced: false,
};

/** What a code and a sentence of the server mean for the person in front of the pane. */
export function troubleOf(code: string, message: string, fix = "Connect again."): Trouble {
  const replaced = code === "RESYNC";
  return {
    code,
    message,
    fix: replaced ? "Keep a copy of the text, and open the new document." : fix,
    replaced,
  };
}

/** Reads `CODE: a sentence`, as several dialects tell an error; null for other text. */
export function parseCodedText(text: string): { readonly code: string; readonly message: string } | null {
  const match = /^([A-Z][A-Z_]+): (.*)$/s.exec(text);
  return match ? { code: match[1] ?? "", message: match[2] ?? "" } : null;
}
