import * as Y from "yjs";
import { JsonSocket } from "./json-socket.ts";
import {
  BYTES_IN_JSON,
  type BytesForm,
  bytesIn,
  type DialectMember,
  type DialectMemberOptions,
  RETRY_MS,
} from "./member.ts";
import { createWire } from "./wire.ts";

/** Errors after which DRAFT.md has a client ask for the state again. */
const ASK_AGAIN = /^(?:UPDATE_GAP|STORAGE_UNAVAILABLE|CLIENT_ID_TAKEN)\b/;

/**
 * Somebody with a plain WebSocket and the messages of DRAFT.md. The server never asks: of each state that it sends the client
 * makes what that lacks, and asks for another one when told that something is missing. Nobody is told of anybody's
 * presence.
 */
export function createDraftMember(
  { world, name, user, clientId, document, fate }: DialectMemberOptions,
  form: Exclude<BytesForm, "object"> = "numbers",
): DialectMember {
  const doc = new Y.Doc();
  doc.clientID = clientId;
  let hasState = false;
  let isAsking = false;
  const tell = (type: string, bytes: Uint8Array) => socket.send({ type, data: BYTES_IN_JSON[form](bytes) });
  const askLater = () => {
    if (isAsking) return;
    isAsking = true;
    world.clock.setTimer(() => {
      isAsking = false;
      socket.send({ type: "yjs-state-request" });
    }, RETRY_MS);
  };
  const socket: JsonSocket = new JsonSocket({
    WebSocket: createWire(world, fate),
    url: `ws://localhost/ws?token=${user}&draftId=${document}`,
    onOpen() {},
    onMessage({ type, data, error }) {
      if (type === "error" && ASK_AGAIN.test(String(error))) askLater();
      if (type !== "yjs-update" && type !== "yjs-state-response") return;
      const update = bytesIn(data);
      Y.applyUpdate(doc, update, socket);
      if (type === "yjs-update") return;
      hasState = true;
      tell("yjs-state-response", Y.encodeStateAsUpdate(doc, Y.encodeStateVectorFromUpdate(update)));
    },
    onClose() {
      hasState = false;
    },
  });
  doc.on("update", (update: Uint8Array, origin: unknown) => {
    if (origin !== socket) tell("yjs-update", update);
  });
  return {
    name,
    document,
    doc,
    presence: null,
    get isSynced() {
      return hasState;
    },
    unsaved: null,
    connect: () => socket.connect(),
    disconnect: () => socket.disconnect(),
    destroy() {
      socket.disconnect();
      doc.destroy();
    },
  };
}
