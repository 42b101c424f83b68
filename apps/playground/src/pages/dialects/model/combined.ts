import { encodeStateAsUpdate, encodeStateVector } from "yjs";
import { troubleOf } from "../../../editing/document-line.ts";
import { serverUrl } from "../../../editing/server-url.ts";
import { fromJson } from "./json-bytes.ts";
import type { MessageBytes, PlainDialect } from "./plain-dialect.ts";
import { PresenceAwareness } from "./presence-awareness.ts";

/** The server's word for a cursor is forgotten by stock clients after 30 seconds. */
const RENEW_MS = 15_000;

/** Everything about every room on `/api/ws`. Bytes go as what `JSON.stringify` makes of them, and come back the same way. */
export const combined: PlainDialect = {
  address: (_person, _name, token) => ({ url: serverUrl("/api/ws", { token }) }),
  createAwareness(doc, person, room, say) {
    const awareness = new PresenceAwareness(doc, person);
    const show = () => say({ type: "presence", userId: person.user, cursor: awareness.ownCursor, room });
    awareness.on("cursor", show);
    const timer = setInterval(() => awareness.ownCursor && show(), RENEW_MS);
    return {
      awareness,
      show,
      heard({ type, clientId, userId, cursor }) {
        if (type === "presence" && typeof clientId === "number")
          awareness.place(clientId, String(userId), cursor);
      },
      forget: () => awareness.forget(),
      close() {
        clearInterval(timer);
        awareness.destroy();
      },
    };
  },
  converse: ({ doc, name: room, say, merge, caughtUp, synced, complain, giveUp }) => ({
    opened: () => say({ type: "yjs:sync", room, stateVector: encodeStateVector(doc) }),
    heard(message) {
      const update = fromJson(message.update);
      const serverHas = fromJson(message.stateVector);
      if (update) merge(update);
      if (serverHas) {
        say({ type: "yjs:sync", room, update: encodeStateAsUpdate(doc, serverHas) });
        caughtUp();
      }
      if (message.type === "yjs:sync" && update) {
        // Whoever may not write is not asked for anything.
        caughtUp();
        synced();
      }
      if (message.type !== "error") return;
      const trouble = troubleOf(String(message.code), String(message.message), String(message.fix));
      if (trouble.replaced) giveUp(trouble);
      else complain(trouble);
    },
    edited: (update) => say({ type: "yjs:update", room, update }),
  }),
  bytesOf({ update, stateVector }): readonly MessageBytes[] {
    const added = fromJson(update);
    const has = fromJson(stateVector);
    return [
      ...(added ? [{ is: "update", bytes: added } as const] : []),
      ...(has ? [{ is: "state-vector", bytes: has } as const] : []),
    ];
  },
};
