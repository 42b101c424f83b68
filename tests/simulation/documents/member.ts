import type { Awareness } from "y-protocols/awareness";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { type FrameFate, withFrameFaults } from "../../../packages/testing/src/frame-faults.ts";
import { type DocumentWorld, Y_WEBSOCKET } from "./world.ts";

/** Somebody who edits the document, by whatever client. */
export interface Member {
  readonly name: string;
  readonly doc: Y.Doc;
  readonly awareness: Awareness;
  readonly isSynced: boolean;
  /** Edits that are not known to be durable; clients that are not told have none. */
  readonly unsaved: number;
  connect(): void;
  disconnect(): void;
  destroy(): void;
}

export interface MemberOptions {
  readonly name: string;
  readonly user: string;
  /** Also decides who wins where two write at once, so that a seed repeats. */
  readonly clientId: number;
}

/** Somebody with the published y-websocket provider, over connections that `fate` meddles with. */
export function createProviderMember(
  world: DocumentWorld,
  { name, user, clientId }: MemberOptions,
  fate: () => FrameFate,
): Member {
  const doc = new Y.Doc();
  doc.clientID = clientId;
  const Faulty = withFrameFaults(world.network.WebSocket, fate);
  const WebSocketPolyfill = class extends Faulty {
    constructor(url: string) {
      super(url, [Y_WEBSOCKET, user, "1"]);
    }
  } as unknown as typeof WebSocket;
  const provider = new WebsocketProvider("ws://localhost/yjs", "1", doc, {
    WebSocketPolyfill,
    disableBc: true,
    connect: false,
  });
  return {
    name,
    doc,
    awareness: provider.awareness,
    get isSynced() {
      return provider.synced;
    },
    unsaved: 0,
    connect: () => provider.connect(),
    disconnect: () => provider.disconnect(),
    destroy() {
      provider.destroy();
      doc.destroy();
    },
  };
}
