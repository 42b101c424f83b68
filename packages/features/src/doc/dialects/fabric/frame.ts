import type { BinaryMessage, PlexlineError } from "@plexline/protocol";
import { encodeBase64 } from "../../../encoding/base64.ts";
import { decodeDocEvent } from "../../event.ts";
import { DOC_KIND } from "../../protocol.ts";

/** Name of the event that carries selections. */
export const SELECTION = "selection";
/** How the names of notices that are passed on begin. */
const AGENT_CHANGE = "agent-change-";
const ACCESS_DENIED = JSON.stringify({ type: "error", message: "Access denied" });

/** What an event named `selection` says, when it comes from a fabric client. */
export interface Selection {
  readonly clientID: string;
  readonly data: unknown;
}

/** The first message [FB2]. `mode` null: it is open, or not known. */
export function encodeConnected(clientID: string, mode: string | null): string {
  return JSON.stringify({ type: "connected", clientID, mode });
}

/** A message was refused for want of access [FB13]. */
export function encodeAccessDenied(): string {
  return ACCESS_DENIED;
}

/** Any other error [FB16]. `documentId` is left out where it is about none. */
export function encodeError({ code, message, fix }: PlexlineError, documentId?: string): string {
  return JSON.stringify({ type: "error", documentId, code, message, fix });
}

/** A question of the server [FB9]: to apply its data changes nothing. */
export function encodeQuestion(frame: string, stateVector: Uint8Array): string {
  return `${frame.slice(0, -1)},"stateVector":"${encodeBase64(stateVector)}"}`;
}

export function encodeBytes(
  type: "sync" | "update" | "awareness",
  documentId: string,
  bytes: Uint8Array,
): string {
  return `{"type":"${type}","documentId":${JSON.stringify(documentId)},"data":"${encodeBase64(bytes)}"}`;
}

/**
 * The frames of what rooms send, kept for as long as somebody else keeps the payload: an update for a hundred connections
 * and a document for a hundred newcomers are written once.
 */
export class FabricFrames {
  readonly #frames = new WeakMap<
    Uint8Array,
    { readonly kind: number; readonly documentId: string; readonly frame: string | null }
  >();

  /** The frame of a message about a document; null if fabric clients are not told. */
  frameOf(documentId: string, { kind, payload }: BinaryMessage): string | null {
    const cached = this.#frames.get(payload);
    if (cached?.kind === kind && cached.documentId === documentId) return cached.frame;
    const frame = encode(documentId, kind, payload);
    this.#frames.set(payload, { kind, documentId, frame });
    return frame;
  }
}

function encode(documentId: string, kind: number, payload: Uint8Array): string | null {
  switch (kind) {
    case DOC_KIND.update:
      return encodeBytes("update", documentId, payload);
    case DOC_KIND.state:
      return encodeBytes("sync", documentId, payload);
    case DOC_KIND.awareness:
      return encodeBytes("awareness", documentId, payload);
    case DOC_KIND.event:
      return encodeSelection(documentId, payload);
    case DOC_KIND.notice:
      return encodeAgentChange(documentId, payload);
    default:
      return null;
  }
}

/** Whoever speaks another dialect may select as well, without a client id of this one. */
function encodeSelection(documentId: string, payload: Uint8Array): string | null {
  const { name, data } = decodeDocEvent(payload);
  if (name !== SELECTION) return null;
  const selection = isSelection(data) ? data : { data };
  return JSON.stringify({ type: SELECTION, documentId, ...selection });
}

function isSelection(value: unknown): value is Selection {
  if (typeof value !== "object" || value === null) return false;
  const { clientID, data, ...rest } = value as Partial<Selection>;
  return typeof clientID === "string" && data !== undefined && Object.keys(rest).length === 0;
}

function encodeAgentChange(documentId: string, payload: Uint8Array): string | null {
  const { name, data } = decodeDocEvent(payload);
  return name.startsWith(AGENT_CHANGE) ? JSON.stringify({ type: name, documentId, data }) : null;
}
