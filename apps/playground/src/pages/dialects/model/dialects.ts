import type { DocumentLine } from "../../../editing/document-line.ts";
import { createHocuspocusLine } from "../../../editing/hocuspocus-line.ts";
import { createYWebsocketLine } from "../../../editing/y-websocket-line.ts";
import type { Side } from "../../../session/identity.ts";
import type { Person } from "../../../session/person.ts";
import { combined } from "./combined.ts";
import { draft } from "./draft.ts";
import { fabric } from "./fabric.ts";
import type { PlainDialect } from "./plain-dialect.ts";
import { createPlainLine } from "./plain-line.ts";

/** A wire that opens the document, and what the page says of it. */
export interface Dialect {
  readonly side: Side;
  readonly name: string;
  /** The client: a published package, or a file of this page. */
  readonly client: string;
  /** Where it connects; the token stands as dots. */
  readonly address: (name: string, person: Person) => string;
  readonly bytes: string;
  readonly cursors: string;
  /** How it learns that an edit is durable. */
  readonly saved: string;
  readonly open: (person: Person, name: string) => DocumentLine;
}

const plain = (dialect: PlainDialect) => (person: Person, name: string) =>
  createPlainLine(dialect, person, name);

export const DIALECTS: readonly Dialect[] = [
  {
    side: "a",
    name: "y-websocket",
    client: "y-websocket 3",
    address: (name) => `/yjs/${name}?token=•••`,
    bytes: "binary",
    cursors: "awareness",
    saved: "its update comes back",
    open: createYWebsocketLine,
  },
  {
    side: "b",
    name: "Hocuspocus",
    client: "@hocuspocus/provider 4",
    address: () => "/api/ws?type=yjs",
    bytes: "binary",
    cursors: "awareness",
    saved: "a status for each update",
    open: createHocuspocusLine,
  },
  {
    side: "c",
    name: "Fabric",
    client: "a WebSocket",
    address: (name, { user }) => `/ws/fabric?documentId=${name}&clientID=${user}`,
    bytes: "base64",
    cursors: "awareness",
    saved: "no word, unless refused",
    open: plain(fabric),
  },
  {
    side: "d",
    name: "Draft",
    client: "a WebSocket",
    address: (name) => `/ws?token=•••&draftId=${name}`,
    bytes: "numbers",
    cursors: "none",
    saved: "no word, unless refused",
    open: plain(draft),
  },
  {
    side: "e",
    name: "Combined",
    client: "a WebSocket",
    address: () => "/api/ws?token=•••",
    bytes: "an object",
    cursors: "presence",
    saved: "no word, unless refused",
    open: plain(combined),
  },
];
