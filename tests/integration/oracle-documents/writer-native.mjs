import { createClient } from "@plexline/features/client";
import { WebSocket } from "ws";
import { Doc } from "yjs";
import { createTypist } from "./typist.mjs";

/** A writer on our own client: its edits are saved whenever nothing of the document is unsaved any more. */
export function startNativeWriter({ url, user, address, random, tell }) {
  const ydoc = new Doc();
  const typist = createTypist({ ydoc, user, address, random, tell });
  const client = createClient({
    url: `${url.replace("http", "ws")}/ws`,
    WebSocket,
    token: () => user,
    reconnect: { baseMs: 20, capMs: 100 },
  });
  client.on("status", ({ state }) => {
    if (state === "disconnected") tell("lost", user);
  });
  const page = client.doc(`doc:${address}`, { doc: ydoc });
  page.on("error", ({ code }) => tell("error", user, code));
  page.on("unsaved", () => {
    if (page.unsaved === 0) typist.saved();
  });
  return {
    typist,
    whenReady: () => page.whenSynced(),
    whenSaved: () => page.whenSaved(),
    close: () => client.close(),
  };
}
