import {
  Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from "y-protocols/awareness";
import * as Y from "yjs";
import { JsonSocket } from "./json-socket.ts";
import {
  BYTES_IN_JSON,
  type BytesForm,
  bytesIn,
  type DialectMember,
  type DialectMemberOptions,
} from "./member.ts";
import { presenceOf } from "./presence.ts";
import { createWire } from "./wire.ts";

interface AwarenessChange {
  readonly added: readonly number[];
  readonly updated: readonly number[];
  readonly removed: readonly number[];
}

/** Somebody with a plain WebSocket and the messages of FABRIC.md, as its example has them. */
export function createFabricMember(
  { world, name, user, clientId, document, fate }: DialectMemberOptions,
  form: BytesForm,
): DialectMember {
  const doc = new Y.Doc();
  doc.clientID = clientId;
  const awareness = new Awareness(doc);
  let isSynced = false;
  const tell = (type: string, bytes: Uint8Array) =>
    socket.send({ type, documentId: document, clientID: name, data: BYTES_IN_JSON[form](bytes) });
  const tellPresence = () => tell("awareness", encodeAwarenessUpdate(awareness, [clientId]));
  const othersOf = () => [...awareness.getStates().keys()].filter((id) => id !== clientId);
  const socket: JsonSocket = new JsonSocket({
    WebSocket: createWire(world, fate),
    url: `ws://localhost/ws/fabric?documentId=${document}&clientID=${name}`,
    protocols: ["fabric", `bearer.${user}`],
    onOpen() {
      tell("sync", Y.encodeStateVector(doc));
      tellPresence();
    },
    onMessage({ type, data, stateVector }) {
      if (type === "sync" || type === "update") Y.applyUpdate(doc, bytesIn(data), socket);
      if (type === "sync") isSynced = true;
      if (type === "awareness") applyAwarenessUpdate(awareness, bytesIn(data), socket);
      if (stateVector !== undefined) tell("sync", Y.encodeStateAsUpdate(doc, bytesIn(stateVector)));
    },
    onClose() {
      isSynced = false;
      removeAwarenessStates(awareness, othersOf(), socket);
    },
  });
  doc.on("update", (update: Uint8Array, origin: unknown) => {
    if (origin !== socket) tell("update", update);
  });
  awareness.on("update", ({ added, updated, removed }: AwarenessChange) => {
    if ([...added, ...updated, ...removed].includes(clientId)) tellPresence();
  });
  return {
    name,
    document,
    doc,
    presence: presenceOf(awareness, name),
    get isSynced() {
      return isSynced;
    },
    unsaved: null,
    connect: () => socket.connect(),
    disconnect: () => socket.disconnect(),
    destroy() {
      awareness.destroy();
      socket.disconnect();
      doc.destroy();
    },
  };
}
