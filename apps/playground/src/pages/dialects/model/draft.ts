import { encodeStateAsUpdate, encodeStateVectorFromUpdate } from "yjs";
import { parseCodedText, troubleOf } from "../../../editing/document-line.ts";
import { serverUrl } from "../../../editing/server-url.ts";
import { fromJson } from "./json-bytes.ts";
import type { PlainDialect } from "./plain-dialect.ts";

/** What the server has lost or lacks, and what therefore is to be sent again. */
const MENDED = new Set(["UPDATE_GAP", "STORAGE_UNAVAILABLE"]);

/** Updates as arrays of numbers on `/ws?token&draftId`. The server begins with all it has; the client answers with what that lacks. */
export const draft: PlainDialect = {
  address: (_person, name, token) => ({ url: serverUrl("/ws", { token, draftId: name }) }),
  createAwareness: () => null,
  converse: ({ doc, say, merge, caughtUp, synced, complain, later }) => ({
    heard({ type, data, error }) {
      const bytes = fromJson(data);
      if (type === "yjs-update" && bytes) merge(bytes);
      if (type === "yjs-state-response" && bytes) {
        merge(bytes);
        const lacking = encodeStateAsUpdate(doc, encodeStateVectorFromUpdate(bytes));
        say({ type: "yjs-state-response", data: [...lacking] });
        caughtUp();
        synced();
      }
      if (type !== "error") return;
      const { code, message } = parseCodedText(String(error)) ?? { code: "ERROR", message: String(error) };
      if (MENDED.has(code)) later(() => say({ type: "yjs-state-request" }));
      else complain(troubleOf(code, message));
    },
    edited: (update) => say({ type: "yjs-update", data: [...update] }),
  }),
  bytesOf({ data }) {
    const bytes = fromJson(data);
    return bytes ? [{ is: "update", bytes }] : [];
  },
};
