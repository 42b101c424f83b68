import { computed, signal } from "@preact/signals";
import { applyUpdate, Doc } from "yjs";
import { watchActiveUsers } from "../../../editing/active-users.ts";
import type { DocumentLine, LineStatus, Trouble } from "../../../editing/document-line.ts";
import { createFrameLog } from "../../../editing/frame-log.ts";
import type { Person, PersonHere } from "../../../session/person.ts";
import { fetchPlaygroundToken } from "../../../session/playground-token.ts";
import { saveStateOf } from "../../../session/save-state.ts";
import { readClose } from "./closing.ts";
import { jsonText, parseMessage } from "./json-text.ts";
import type { Conversation, Message, PlainDialect, Talk } from "./plain-dialect.ts";

const RETRY_MIN_MS = 400;
const RETRY_MAX_MS = 4_000;
/** Between a complaint of the server and another try, so that the two do not go round in circles at full speed. */
const LATER_MS = 1_000;
/** Where changes come from that are not the user's own. */
const FROM_SERVER = Symbol("from the server");

interface Connection {
  readonly socket: WebSocket;
  readonly talk: Talk;
  caughtUp: boolean;
}

/** Connects a user to a document by plain WebSockets: one after the other, each a conversation in the dialect. */
export function createPlainLine(dialect: PlainDialect, person: Person, name: string): DocumentLine {
  const doc = new Doc();
  const status = signal<LineStatus>({ state: "disconnected" });
  const synced = signal(false);
  const trouble = signal<Trouble | null>(null);
  const unsent = signal(0);
  /** Edits that the server would not have. */
  const refused = signal(0);
  const readOnly = signal(false);
  const log = createFrameLog(jsonText(dialect));
  let connection: Connection | null = null;
  let attempts = 0;
  /** Changes with each wish to connect or not, so that what comes too late is not used. */
  let wish = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let later: ReturnType<typeof setTimeout> | undefined;

  const say = (message: Message) => {
    if (connection?.socket.readyState === WebSocket.OPEN) connection.socket.send(JSON.stringify(message));
  };
  const cursors = dialect.createAwareness(doc, person, name, say);
  const active = cursors && watchActiveUsers(cursors.awareness);

  doc.on("update", (update: Uint8Array, origin: unknown) => {
    if (origin === FROM_SERVER) return;
    if (connection?.caughtUp) connection.talk.edited(update);
    // What is written before goes with the rest that the server lacks.
    else unsent.value += 1;
  });

  const stop = (state: LineStatus["state"]) => {
    wish += 1;
    clearTimeout(retry);
    clearTimeout(later);
    const ended = connection;
    connection = null;
    ended?.socket.close();
    cursors?.forget();
    synced.value = false;
    status.value = { state };
  };

  const comeBack = () => {
    stop("disconnected");
    attempts += 1;
    const waitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
    retry = setTimeout(() => void connect(), waitMs);
  };

  const connect = async () => {
    stop("connecting");
    const own = wish;
    let token: string;
    try {
      token = (await fetchPlaygroundToken(person, undefined)).token;
    } catch {
      if (own === wish) comeBack();
      return;
    }
    if (own !== wish) return;
    const { url, protocols } = dialect.address(person, name, token);
    const socket = new log.Socket(url, protocols ?? []);
    const opened: Connection = { socket, talk: dialect.converse(conversation), caughtUp: false };
    connection = opened;
    socket.addEventListener("open", () => {
      if (connection !== opened) return;
      status.value = { state: "connected" };
      trouble.value = null;
      refused.value = 0;
      readOnly.value = false;
      opened.talk.opened?.();
    });
    socket.addEventListener("message", ({ data }) => {
      const message = parseMessage(data);
      if (connection !== opened || !message) return;
      opened.talk.heard(message);
      cursors?.heard(message);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (connection !== opened) return;
      const end = readClose(code, reason, opened.caughtUp);
      if (!end) return comeBack();
      stop("disconnected");
      if (!trouble.value?.replaced) trouble.value = end;
    });
  };

  const conversation: Conversation = {
    person,
    name,
    doc,
    say,
    merge: (update) => applyUpdate(doc, update, FROM_SERVER),
    caughtUp() {
      if (!connection || connection.caughtUp) return;
      connection.caughtUp = true;
      attempts = 0;
      unsent.value = 0;
      cursors?.show();
    },
    synced() {
      synced.value = true;
    },
    complain(next) {
      trouble.value = next;
      refused.value += 1;
      if (next.code === "FORBIDDEN") readOnly.value = true;
    },
    giveUp(next) {
      stop("disconnected");
      trouble.value = next;
    },
    later(action) {
      clearTimeout(later);
      later = setTimeout(action, LATER_MS);
    },
  };

  void connect();
  return {
    person,
    doc,
    awareness: cursors?.awareness ?? null,
    status,
    synced,
    users: active?.users ?? signal<readonly PersonHere[]>([]),
    trouble,
    // These wires tell it by refusing an edit, and not before.
    readOnly,
    delivery: computed(() => {
      const state = saveStateOf(
        { sending: unsent.value, failed: refused.value },
        status.value.state === "connected",
      );
      return state.state === "saved" ? { state: "sent" } : state;
    }),
    wire: log.wire,
    clearWire: log.clearWire,
    connect() {
      attempts = 0;
      trouble.value = null;
      void connect();
    },
    disconnect: () => stop("disconnected"),
    close() {
      active?.close();
      stop("disconnected");
      cursors?.close();
      doc.destroy();
    },
  };
}
