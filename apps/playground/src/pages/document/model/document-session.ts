import type { TopicStatus } from "@plexline/client";
import { createDocs, type DocHandle } from "@plexline/features/doc/client";
import type { ErrorBody } from "@plexline/protocol";
import type { ReadonlySignal } from "@preact/signals";
import { signal } from "@preact/signals";
import { Awareness } from "y-protocols/awareness";
import { Doc } from "yjs";
import { watchActiveUsers } from "../../../editing/active-users.ts";
import type { EditedText } from "../../../editing/shared-text.ts";
import { textOf } from "../../../editing/shared-text.ts";
import { userFieldOf } from "../../../editing/user-state.ts";
import type { Person, PersonHere } from "../../../session/person.ts";
import type { SaveState } from "../../../session/save-state.ts";
import { saveStateOf } from "../../../session/save-state.ts";
import { createUserClient, SOCKET_URL, type UserLine } from "../../../session/user-client.ts";
import { documentWireText } from "./wire-text.ts";

/** How the text stands between this pane and the server. */
export interface DocumentState {
  readonly save: SaveState;
  /** Why what is unsaved cannot be saved as things are. */
  readonly saveError: ErrorBody | null;
  readonly synced: boolean;
  /** The server takes no edits of this user. */
  readonly readOnly: boolean;
}

/** One user in one document: everything a pane shows, as signals, and everything it can do. */
export interface DocumentSession extends UserLine, EditedText {
  readonly awareness: Awareness;
  readonly state: ReadonlySignal<DocumentState>;
  /** Of the document's topic: says why when the server refuses it. */
  readonly subscription: ReadonlySignal<TopicStatus>;
  readonly users: ReadonlySignal<readonly PersonHere[]>;
  /** The server holds another document under this name now; this pane keeps its text and goes on alone. */
  readonly replaced: ReadonlySignal<boolean>;
  close(): void;
}

/** Connects a user to a document. */
export function createDocumentSession(person: Person, name: string): DocumentSession {
  const { client, line, close } = createUserClient(person, documentWireText(`doc:${name}`));
  const doc = new Doc();
  const awareness = new Awareness(doc);
  awareness.setLocalStateField("user", userFieldOf(person));
  const handle = createDocs({ client, url: SOCKET_URL })(
    { name: "doc", params: { name } },
    { doc, awareness },
  );
  const { users, close: closeUsers } = watchActiveUsers(awareness);
  const state = signal(stateOf(handle));
  const subscription = signal(handle.status);
  const replaced = signal(false);
  const read = () => {
    const next = stateOf(handle);
    if (JSON.stringify(next) !== JSON.stringify(state.peek())) state.value = next;
  };
  const stops = [
    handle.on("synced", read),
    handle.on("unsaved", read),
    handle.on("saveState", read),
    handle.on("error", read),
    handle.on("status", ({ status: _, ...next }) => {
      subscription.value = next;
      read();
    }),
    handle.on("reset", () => {
      replaced.value = true;
    }),
  ];

  return {
    ...line,
    text: textOf(doc),
    awareness,
    state,
    subscription,
    users,
    replaced,
    close() {
      // First, so that the others hear that this user goes.
      handle.destroy();
      for (const stop of stops) stop();
      closeUsers();
      awareness.destroy();
      close();
    },
  };
}

function stateOf({ unsaved, saveState, saveError, synced, status, canWrite }: DocHandle): DocumentState {
  const refused = saveError !== undefined;
  return {
    save: saveStateOf(
      { sending: refused ? 0 : unsaved, failed: refused ? unsaved : 0 },
      saveState !== "offline",
    ),
    saveError: saveError?.toBody() ?? null,
    synced,
    readOnly: status.state === "subscribed" && !canWrite,
  };
}
