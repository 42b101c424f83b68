import * as Y from "yjs";
import { createClient } from "../../../packages/client/src/index.ts";
import { createDocs } from "../../../packages/features/src/doc/client.ts";
import type { Member, MemberOptions } from "./member.ts";
import type { DocumentWorld } from "./world.ts";

/** Somebody with Plexline's own client. Its connections lose, cut and delay, but keep the order that WebSockets promise. */
export function createNativeMember(
  { clock, network, random }: DocumentWorld,
  { name, user, clientId }: MemberOptions,
): Member {
  const client = createClient({
    url: "ws://localhost/ws",
    token: () => user,
    WebSocket: network.WebSocket,
    clock,
    random: random.fork(),
    autoConnect: false,
  });
  const doc = new Y.Doc();
  doc.clientID = clientId;
  const open = createDocs({ client, url: "ws://localhost/ws", clock });
  const handle = open({ name: "page", params: { id: "1" } }, { doc, broadcast: false });
  const { awareness } = handle;
  if (awareness === null) throw new Error("A document has an awareness unless told otherwise.");
  return {
    name,
    doc,
    awareness,
    get isSynced() {
      return handle.synced;
    },
    get unsaved() {
      return handle.unsaved;
    },
    connect: () => client.connect(),
    disconnect: () => client.disconnect(),
    destroy() {
      handle.destroy();
      client.close();
      awareness.destroy();
      doc.destroy();
    },
  };
}
