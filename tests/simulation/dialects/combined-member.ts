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

/** Errors after which a client that is not asked by state vector asks for the document again. */
const ASK_AGAIN = ["UPDATE_GAP", "STORAGE_UNAVAILABLE", "CLIENT_ID_TAKEN"];

export interface CombinedMemberOptions extends DialectMemberOptions {
  readonly form: BytesForm;
  /** Whether it knows state vectors. One that does not asks for the whole document, and sends what that lacks. */
  readonly hasStateVectors: boolean;
}

/** Somebody with a plain WebSocket and the messages of COMBINED.md. Of presence it is told cursors only. */
export function createCombinedMember(options: CombinedMemberOptions): DialectMember {
  const { world, name, user, clientId, document: room, fate, form, hasStateVectors } = options;
  const doc = new Y.Doc();
  doc.clientID = clientId;
  let isSynced = false;
  let isAsking = false;
  let cursor: { readonly at: number } | null = null;
  let state: unknown = null;
  const seen = new Map<number, unknown>();

  const bytes = (value: Uint8Array) => BYTES_IN_JSON[form](value);
  const sync = (fields: object) => socket.send({ type: "yjs:sync", room, ...fields });
  const answer = (stateVector: Uint8Array) =>
    sync({ update: bytes(Y.encodeStateAsUpdate(doc, stateVector)) });
  const ask = () => sync(hasStateVectors ? { stateVector: bytes(Y.encodeStateVector(doc)) } : {});
  const askLater = () => {
    if (isAsking) return;
    isAsking = true;
    world.clock.setTimer(() => {
      isAsking = false;
      ask();
    }, RETRY_MS);
  };
  const tellPresence = () => {
    if (cursor !== null) socket.send({ type: "presence", userId: "not looked at", cursor, room });
  };
  const socket: JsonSocket = new JsonSocket({
    WebSocket: createWire(world, fate),
    url: `ws://localhost/api/ws?token=${user}`,
    onOpen() {
      ask();
      tellPresence();
    },
    onMessage(message) {
      const { type, update, stateVector } = message;
      if (update !== undefined) Y.applyUpdate(doc, bytesIn(update), socket);
      if (stateVector !== undefined && hasStateVectors) answer(bytesIn(stateVector));
      if (type === "yjs:sync" && update !== undefined) {
        isSynced = true;
        if (!hasStateVectors) answer(Y.encodeStateVectorFromUpdate(bytesIn(update)));
      }
      if (type === "error" && !hasStateVectors && ASK_AGAIN.includes(String(message.code))) askLater();
      if (type === "presence") see(message);
    },
    onClose() {
      isSynced = false;
      seen.clear();
    },
  });
  const see = ({ clientId: id, userId, cursor: shown }: Readonly<Record<string, unknown>>) => {
    if (shown === null) seen.delete(Number(id));
    else seen.set(Number(id), { userId, cursor: shown });
  };
  doc.on("update", (update: Uint8Array, origin: unknown) => {
    if (origin !== socket) socket.send({ type: "yjs:update", room, update: bytes(update) });
  });
  return {
    name,
    document: room,
    doc,
    presence: {
      clientId: null,
      get state() {
        return state;
      },
      show(at) {
        cursor = { at };
        state = { user: { id: user, name: user }, lineCursor: cursor };
        tellPresence();
      },
      renew: tellPresence,
      seen,
      isCursorsOnly: true,
    },
    get isSynced() {
      return isSynced;
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
