import * as v4 from "@hocuspocus/provider";
import * as v3 from "hocuspocus-provider-3";
import { WebSocket } from "ws";
import { Doc } from "yjs";
import { createTypist } from "./typist.mjs";

/** The major versions of the published provider that there are writers on, in turns. */
const VERSIONS = [v4, v3];
let started = 0;

/** A writer on the published Hocuspocus provider: its edits are saved whenever the provider has no unsynced changes any more. */
export function startHocuspocusWriter({ url, user, address, random, tell }) {
  const { HocuspocusProvider, HocuspocusProviderWebsocket } = VERSIONS[started++ % VERSIONS.length];
  const ydoc = new Doc();
  const typist = createTypist({ ydoc, user, address, random, tell });
  let waiting = [];
  const check = () => {
    waiting = waiting.filter(({ holds, resolve }) => !holds() || resolve());
  };
  const until = (holds) =>
    new Promise((resolve) => {
      waiting.push({ holds, resolve });
      check();
    });

  const socket = new HocuspocusProviderWebsocket({
    url: `${url.replace("http", "ws")}/api/ws?type=yjs`,
    WebSocketPolyfill: WebSocket,
    delay: 20,
    minDelay: 20,
    maxDelay: 100,
  });
  const provider = new HocuspocusProvider({
    websocketProvider: socket,
    name: address,
    document: ydoc,
    token: user,
  });
  provider.on("close", () => tell("lost", user));
  provider.on("authenticationFailed", ({ reason }) => tell("error", user, reason));
  provider.on("synced", check);
  provider.on("unsyncedChanges", () => {
    if (!provider.hasUnsyncedChanges) typist.saved();
    check();
  });
  provider.attach();
  return {
    typist,
    whenReady: () => until(() => provider.synced),
    whenSaved: () => until(() => typist.unsaved === 0),
    close: () => {
      provider.destroy();
      socket.destroy();
    },
  };
}
