import { computed, signal } from "@preact/signals";
import { WebsocketProvider } from "y-websocket";
import { Doc } from "yjs";
import type { Person } from "../session/person.ts";
import { fetchPlaygroundToken } from "../session/playground-token.ts";
import { saveStateOf } from "../session/save-state.ts";
import { watchActiveUsers } from "./active-users.ts";
import { frameText, readYWebsocketFrame } from "./binary-frames.ts";
import type { DocumentLine, LineStatus, Trouble } from "./document-line.ts";
import { parseCodedText, TOKEN_TROUBLE, troubleOf } from "./document-line.ts";
import { Echoes } from "./echoes.ts";
import { createFrameLog } from "./frame-log.ts";
import { serverUrl } from "./server-url.ts";
import { userFieldOf } from "./user-state.ts";

/** The provider keeps its token for all its connections, so it gets one for a day. */
const TOKEN_SECONDS = 24 * 3_600;

/** Connects a user to a document by the y-websocket provider as it is published, as an application that knows nothing of Plexline would. */
export function createYWebsocketLine(person: Person, name: string): DocumentLine {
  const doc = new Doc();
  const status = signal<LineStatus>({ state: "disconnected" });
  const trouble = signal<Trouble | null>(null);
  const readOnly = signal(false);
  const synced = signal(false);
  const unsaved = signal(0);
  const echoes = new Echoes();
  const describe = frameText(readYWebsocketFrame);
  const log = createFrameLog((frame, direction) => {
    const parsed = readYWebsocketFrame(frame);
    if (parsed.type === "denied") {
      readOnly.value = true;
      trouble.value = troubleOf("FORBIDDEN", parsed.text, "Ask for the right to write.");
    }
    echoes.frame(direction, parsed);
    unsaved.value = echoes.count;
    return describe(frame);
  });
  const provider = new WebsocketProvider(serverUrl("/yjs"), name, doc, {
    connect: false,
    disableBc: true,
    WebSocketPolyfill: log.Socket,
  });
  const { awareness } = provider;
  awareness.setLocalStateField("user", userFieldOf(person));
  const { users, close: closeUsers } = watchActiveUsers(awareness);
  doc.on("update", (_update: Uint8Array, origin: unknown) => {
    if (origin === provider || provider.wsconnected) return;
    echoes.editedOffline();
    unsaved.value = echoes.count;
  });
  provider.on("status", ({ status: state }) => {
    status.value = { state };
  });
  provider.on("sync", (isSynced) => {
    synced.value = isSynced;
  });
  provider.on("closed", ({ code, reason }) => {
    status.value = { state: "disconnected" };
    const { code: name, message } = parseCodedText(reason) ?? { code: String(code), message: reason };
    trouble.value = troubleOf(name, `The server closed the connection: ${message}`);
  });
  /** Changes with each wish, so that a token that comes too late is not used. */
  let wish = 0;

  const connect = async () => {
    wish += 1;
    const own = wish;
    status.value = { state: "connecting" };
    trouble.value = null;
    readOnly.value = false;
    try {
      const { token } = await fetchPlaygroundToken(person, TOKEN_SECONDS);
      if (own !== wish) return;
      provider.params = { token };
      provider.connect();
    } catch {
      if (own !== wish) return;
      status.value = { state: "disconnected" };
      trouble.value = TOKEN_TROUBLE;
    }
  };
  void connect();

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
      const refused = readOnly.value || trouble.value?.replaced === true;
      const counts = refused ? { sending: 0, failed: unsaved.value } : { sending: unsaved.value, failed: 0 };
      return saveStateOf(counts, status.value.state === "connected");
    }),
    wire: log.wire,
    clearWire: log.clearWire,
    connect: () => void connect(),
    disconnect() {
      wish += 1;
      provider.disconnect();
      // The provider tells it only if it was connected.
      status.value = { state: "disconnected" };
    },
    close() {
      wish += 1;
      closeUsers();
      // The provider does not say goodbye by itself.
      awareness.setLocalState(null);
      provider.destroy();
      awareness.destroy();
      doc.destroy();
    },
  };
}
