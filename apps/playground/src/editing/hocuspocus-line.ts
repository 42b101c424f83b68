import { HocuspocusProvider, HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import { computed, signal } from "@preact/signals";
import { Awareness } from "y-protocols/awareness";
import { Doc } from "yjs";
import type { Person } from "../session/person.ts";
import { fetchPlaygroundToken } from "../session/playground-token.ts";
import { saveStateOf } from "../session/save-state.ts";
import { watchActiveUsers } from "./active-users.ts";
import { frameText, readHocuspocusFrame } from "./binary-frames.ts";
import type { DocumentLine, LineStatus, Trouble } from "./document-line.ts";
import { parseCodedText, TOKEN_TROUBLE, troubleOf } from "./document-line.ts";
import { createFrameLog } from "./frame-log.ts";
import { serverUrl } from "./server-url.ts";
import { userFieldOf } from "./user-state.ts";

/** Whoever restarts the server in front of the page does not wait half a minute for it. */
const RETRY_MAX_MS = 4_000;

/** Connects a user to a document by the Hocuspocus provider as it is published. */
export function createHocuspocusLine(person: Person, name: string): DocumentLine {
  const doc = new Doc();
  const awareness = new Awareness(doc);
  awareness.setLocalStateField("user", userFieldOf(person));
  const { users, close: closeUsers } = watchActiveUsers(awareness);
  const status = signal<LineStatus>({ state: "connecting" });
  const trouble = signal<Trouble | null>(null);
  const readOnly = signal(false);
  const synced = signal(false);
  const unsynced = signal(0);
  const log = createFrameLog(frameText(readHocuspocusFrame));
  const socket = new HocuspocusProviderWebsocket({
    url: serverUrl("/api/ws", { type: "yjs" }),
    WebSocketPolyfill: log.Socket,
    maxDelay: RETRY_MAX_MS,
    onStatus({ status: state }) {
      status.value = { state };
      if (state !== "connected") synced.value = false;
    },
  });
  const provider = new HocuspocusProvider({
    websocketProvider: socket,
    name,
    document: doc,
    awareness,
    // Asked for at each connection, and when the server wants a fresh one.
    async token() {
      try {
        return (await fetchPlaygroundToken(person, undefined)).token;
      } catch (error) {
        trouble.value = TOKEN_TROUBLE;
        socket.disconnect();
        throw error;
      }
    },
    onAuthenticated({ scope }) {
      readOnly.value = scope === "readonly";
      trouble.value = null;
    },
    onAuthenticationFailed({ reason }) {
      const text = reason.replace(/^permission-denied: /, "");
      const denial = parseCodedText(text);
      if (denial) trouble.value = troubleOf(denial.code, denial.message);
    },
    onSynced({ state }) {
      synced.value = state;
    },
    onUnsyncedChanges({ number }) {
      unsynced.value = number;
    },
  });
  provider.attach();

  return {
    person,
    doc,
    awareness,
    status,
    synced,
    users,
    trouble,
    readOnly,
    delivery: computed(() => {
      const refused = readOnly.value || (trouble.value !== null && trouble.value !== TOKEN_TROUBLE);
      const counts = refused
        ? { sending: 0, failed: unsynced.value }
        : { sending: unsynced.value, failed: 0 };
      return saveStateOf(counts, status.value.state === "connected");
    }),
    wire: log.wire,
    clearWire: log.clearWire,
    connect() {
      trouble.value = null;
      status.value = { state: "connecting" };
      void socket.connect();
    },
    disconnect() {
      socket.disconnect();
      status.value = { state: "disconnected" };
    },
    close() {
      closeUsers();
      provider.destroy();
      socket.destroy();
      doc.destroy();
    },
  };
}
