import {
  Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from "y-protocols/awareness";
import { encodeStateAsUpdate, encodeStateVector } from "yjs";
import type { Trouble } from "../../../editing/document-line.ts";
import { troubleOf } from "../../../editing/document-line.ts";
import { serverUrl } from "../../../editing/server-url.ts";
import { userFieldOf } from "../../../editing/user-state.ts";
import { isStateVector } from "../../../editing/yjs-text.ts";
import { fromJson, toBase64 } from "./json-bytes.ts";
import type { Message, MessageBytes, PlainDialect } from "./plain-dialect.ts";

interface Changes {
  readonly added: number[];
  readonly updated: number[];
  readonly removed: number[];
}

/** Base64 on `/ws/fabric`. Each side says what it has, and the other answers with what that lacks. */
export const fabric: PlainDialect = {
  // A browser cannot set headers, and this path takes no token from the query.
  address: ({ user }, name, token) => ({
    url: serverUrl("/ws/fabric", { documentId: name, clientID: user }),
    protocols: ["fabric", `bearer.${token}`],
  }),
  createAwareness(doc, person, documentId, say) {
    const awareness = new Awareness(doc);
    awareness.setLocalStateField("user", userFieldOf(person));
    const tell = (clients: number[]) =>
      say({ type: "awareness", documentId, data: toBase64(encodeAwarenessUpdate(awareness, clients)) });
    awareness.on("update", ({ added, updated, removed }: Changes, origin: unknown) => {
      if (origin !== fabric) tell([...added, ...updated, ...removed]);
    });
    return {
      awareness,
      show: () => tell([doc.clientID]),
      heard({ type, data }) {
        const bytes = fromJson(data);
        if (type === "awareness" && bytes) applyAwarenessUpdate(awareness, bytes, fabric);
      },
      forget: () =>
        removeAwarenessStates(
          awareness,
          [...awareness.states.keys()].filter((client) => client !== doc.clientID),
          fabric,
        ),
      close: () => awareness.destroy(),
    };
  },
  converse({ doc, name, person, say, merge, caughtUp, synced, complain }) {
    const tell = (type: string, bytes: Uint8Array) =>
      say({ type, documentId: name, clientID: person.user, data: toBase64(bytes) });
    return {
      opened: () => tell("sync", encodeStateVector(doc)),
      heard(message) {
        const { type } = message;
        const bytes = fromJson(message.data);
        const serverHas = fromJson(message.stateVector);
        if ((type === "sync" || type === "update") && bytes) merge(bytes);
        if (serverHas) tell("sync", encodeStateAsUpdate(doc, serverHas));
        if (type === "sync") {
          caughtUp();
          synced();
        }
        // What a failed commit or a gap left out, the server asks for by itself.
        if (type === "error") complain(troubleIn(message));
      },
      edited: (update) => tell("update", update),
    };
  },
  bytesOf(message, direction): readonly MessageBytes[] {
    const bytes = fromJson(message.data);
    const serverHas = fromJson(message.stateVector);
    const isQuestion = message.type === "sync" && direction === "out" && bytes && isStateVector(bytes);
    const is = message.type === "awareness" ? "awareness" : isQuestion ? "state-vector" : "update";
    return [
      ...(bytes ? [{ is, bytes } as const] : []),
      ...(serverHas ? [{ is: "state-vector", bytes: serverHas } as const] : []),
    ];
  },
};

function troubleIn({ code, message, fix }: Message): Trouble {
  return troubleOf(
    typeof code === "string" ? code : "FORBIDDEN",
    String(message),
    typeof fix === "string" ? fix : "Ask for the right to open or to write this document.",
  );
}
