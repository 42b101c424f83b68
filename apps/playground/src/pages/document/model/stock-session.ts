import type { ReadonlySignal } from "@preact/signals";
import { signal } from "@preact/signals";
import { WebsocketProvider } from "y-websocket";
import { Doc } from "yjs";
import type { Person, PersonHere } from "../../../session/person.ts";
import { fetchPlaygroundToken } from "../../../session/playground-token.ts";
import { watchActiveUsers } from "./active-users.ts";
import type { EditedText } from "./shared-text.ts";
import { textOf } from "./shared-text.ts";
import { userFieldOf } from "./user-state.ts";

/** The provider keeps its token for all its connections, so it gets one for a day. */
const TOKEN_SECONDS = 24 * 3_600;

export type StockStatus = "disconnected" | "connecting" | "connected";

/** A user whose editor is kept up to date by the y-websocket provider as it is published. */
export interface StockSession extends EditedText {
  readonly person: Person;
  readonly status: ReadonlySignal<StockStatus>;
  readonly synced: ReadonlySignal<boolean>;
  readonly users: ReadonlySignal<readonly PersonHere[]>;
  /** Why the provider gave up, or could not begin. */
  readonly failure: ReadonlySignal<string | null>;
  connect(): void;
  disconnect(): void;
  close(): void;
}

/** Connects a user to a document as an application that knows nothing of Plexline would. */
export function createStockSession(person: Person, name: string): StockSession {
  const doc = new Doc();
  const url = new URL("/yjs", window.location.href);
  url.protocol = url.protocol.replace(/^http/, "ws");
  const provider = new WebsocketProvider(url.href, name, doc, { connect: false, disableBc: true });
  const { awareness } = provider;
  awareness.setLocalStateField("user", userFieldOf(person));
  const { users, close: closeUsers } = watchActiveUsers(awareness);
  const { status, synced, failure } = watchProvider(provider);
  /** Changes with each wish, so that a token that comes too late is not used. */
  let wish = 0;

  const disconnect = () => {
    wish += 1;
    provider.disconnect();
    // The provider tells it only if it was connected.
    status.value = "disconnected";
  };
  const connect = async () => {
    wish += 1;
    const own = wish;
    status.value = "connecting";
    failure.value = null;
    try {
      const { token } = await fetchPlaygroundToken(person, TOKEN_SECONDS);
      if (own !== wish) return;
      provider.params = { token };
      provider.connect();
    } catch {
      if (own !== wish) return;
      status.value = "disconnected";
      failure.value = "The server gave no token. It may be away: connect again.";
    }
  };
  void connect();

  return {
    person,
    text: textOf(doc),
    awareness,
    status,
    synced,
    users,
    failure,
    connect: () => void connect(),
    disconnect,
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

/** What a provider tells of itself, as signals. */
function watchProvider(provider: WebsocketProvider) {
  const status = signal<StockStatus>("disconnected");
  const synced = signal(false);
  const failure = signal<string | null>(null);
  provider.on("status", (event) => {
    status.value = event.status;
  });
  provider.on("sync", (isSynced) => {
    synced.value = isSynced;
  });
  provider.on("closed", ({ code, reason }) => {
    status.value = "disconnected";
    failure.value = `The server closed the connection: ${code} ${reason}`.trim();
  });
  return { status, synced, failure };
}
