// Once in a run somebody opens what the clients only count: the provider that applications use.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import { WebSocket } from "ws";
import { Doc } from "yjs";
import { digestOf } from "./content.mjs";

const TIMEOUT_MS = 30_000;

/** Rejects unless a provider finds the `expected` document (a digest) on the server. */
export async function verify({ name: server, port }, { name, token, expected }) {
  const url = `ws://127.0.0.1:${port}/api/ws?type=yjs`;
  const websocketProvider = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket });
  const document = new Doc();
  const provider = new HocuspocusProvider({ websocketProvider, name, document, token });
  provider.attach();
  try {
    await new Promise((resolve, reject) => {
      provider.on("synced", resolve);
      provider.on("authenticationFailed", ({ reason }) => reject(new Error(reason)));
      setTimeout(() => reject(new Error(`${server} does not answer the provider.`)), TIMEOUT_MS).unref();
    });
    const found = digestOf(document);
    if (found !== expected) throw new Error(`${server} has another document: ${found}, not ${expected}.`);
  } finally {
    provider.destroy();
    websocketProvider.destroy();
  }
}
