import { HocuspocusProvider, HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import * as v3 from "hocuspocus-provider-3";
import * as Y from "yjs";
import type { FrameFate } from "../../../packages/testing/src/frame-faults.ts";
import type { DocumentWorld } from "../documents/world.ts";
import type { DialectMember, DialectMemberOptions } from "./member.ts";
import { presenceOf } from "./presence.ts";
import { createWire, withEvents } from "./wire.ts";

// Both versions have the same members as far as the runs use them; their private ones make the types differ.
const VERSIONS = {
  "4.8.0": { Provider: HocuspocusProvider, Socket: HocuspocusProviderWebsocket },
  "3.4.4": {
    Provider: v3.HocuspocusProvider as unknown as typeof HocuspocusProvider,
    Socket: v3.HocuspocusProviderWebsocket as unknown as typeof HocuspocusProviderWebsocket,
  },
};
export type HocuspocusVersion = keyof typeof VERSIONS;

/** A connection of the published provider, for one document or several. */
export interface HocuspocusSocket {
  readonly version: HocuspocusVersion;
  readonly provider: HocuspocusProviderWebsocket;
  /** Whether frames come twice: the provider counts statuses, and one that is repeated stands for an edit that it is not of. */
  readonly repeats: boolean;
  connect(): void;
}

export function createHocuspocusSocket(
  world: DocumentWorld,
  version: HocuspocusVersion,
  fate?: () => FrameFate,
): HocuspocusSocket {
  const provider = new VERSIONS[version].Socket({
    url: "ws://localhost/api/ws?type=yjs",
    WebSocketPolyfill: withEvents(createWire(world, fate ?? (() => "deliver"))),
    autoConnect: false,
  });
  return {
    version,
    provider,
    repeats: fate !== undefined,
    connect() {
      // One that connects already would begin anew, and with it the other documents of the connection.
      if (provider.status === "disconnected") void provider.connect();
    },
  };
}

/** Somebody with the published Hocuspocus provider. */
export function createHocuspocusMember(
  socket: HocuspocusSocket,
  { name, user, clientId, document }: DialectMemberOptions,
): DialectMember {
  const doc = new Y.Doc();
  doc.clientID = clientId;
  const provider = new VERSIONS[socket.version].Provider({
    websocketProvider: socket.provider,
    name: document,
    document: doc,
    token: user,
  });
  provider.attach();
  const { awareness } = provider;
  if (awareness === null) throw new Error("A provider has an awareness unless told otherwise.");
  return {
    name,
    document,
    doc,
    presence: presenceOf(awareness, name),
    get isSynced() {
      return provider.synced;
    },
    get unsaved() {
      return socket.repeats ? null : provider.unsyncedChanges;
    },
    syncAgain: () => provider.forceSync(),
    connect: () => socket.connect(),
    disconnect: () => socket.provider.disconnect(),
    destroy() {
      provider.destroy();
      socket.provider.destroy();
      doc.destroy();
    },
  };
}
