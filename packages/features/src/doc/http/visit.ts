import { type BinaryMessage, PlexlineError, type Position, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import type { End } from "../../http/request-session.ts";
import { type DocEvent, encodeDocEvent } from "../event.ts";
import { DOC_KIND } from "../protocol.ts";
import { decodeStateVector } from "../update/state-vector.ts";
import type { ScanLimits, StateVector, UpdateScan } from "../update/update-scan.ts";
import type { DocWorker } from "../worker/jobs.ts";

/** What became of an update. */
export interface Appended {
  /** A position of the log at which the document has it. */
  readonly position: Position;
  /** Nothing of it was new, so that nothing was stored. Where others write at the same moment this may go unnoticed. */
  readonly known: boolean;
}

/** A request's stay with a document. */
export interface Visit {
  /** The last durable entry when it began. */
  readonly position: Position;
  readonly mayWrite: boolean;
  /** All of the document, as one update. */
  read(): Promise<Uint8Array>;
  /** Resolves when the document has the update and it is durable. Once in a visit. */
  append(update: Uint8Array): Promise<Appended>;
  /** Tells everybody else who is there. */
  notify(event: DocEvent): Promise<void>;
}

const NOTHING = new Uint8Array(0);
const NO_LIMITS: ScanLimits = {
  structsMax: Number.MAX_SAFE_INTEGER,
  clientsMax: Number.MAX_SAFE_INTEGER,
  depthMax: Number.MAX_SAFE_INTEGER,
  clockMax: Number.MAX_SAFE_INTEGER,
  fillerMax: Number.MAX_SAFE_INTEGER,
  typeDepthMax: Number.MAX_SAFE_INTEGER,
};

/**
 * Subscribes a request's session to its document. Rejects with what refuses it.
 *
 * @param end Told what ends the visit while something is waited for: errors of the room, a lost subscription, a new epoch.
 * @param worker Looks into an update that does not seem to arrive.
 */
export async function visitDocument(
  session: EndpointSession,
  topic: string,
  end: End,
  worker: Pick<DocWorker, "scan">,
): Promise<Visit> {
  /** Entries of others that this session was handed, in the order of the log. */
  let entries = 0;
  let onState: (update: Uint8Array) => void = () => {};
  let onCommitted: (offset: number) => void = () => {};
  let onQuestion: (stateVector: Uint8Array) => void = () => {};

  const hear = (message: ServerMessage | BinaryMessage): void => {
    if (!("type" in message)) {
      if (message.kind === DOC_KIND.update) entries += 1;
      else if (message.kind === DOC_KIND.state) onState(message.payload);
      else if (message.kind === DOC_KIND.syncRequest) onQuestion(message.payload);
    } else if (message.type === "committed") {
      // The session counts nothing but the update it has sent, so that any number is about that.
      if (message.acked) onCommitted(message.offset);
    } else if (message.type === "error" || message.type === "unsubscribed") {
      end(PlexlineError.fromBody(message.error));
    } else if (message.type === "gap") {
      end(replaced());
    }
  };
  const { position, operations } = await session.subscribe(topic, {
    translate(message) {
      hear(message);
      return null;
    },
  });
  if (position === null) throw noDocument();

  return {
    position,
    mayWrite: operations.includes("publish"),
    async read() {
      const state = new Promise<Uint8Array>((resolve) => {
        onState = resolve;
      });
      await session.sendBinary(topic, DOC_KIND.state, NOTHING);
      return state;
    },
    async append(update) {
      let before = Number.POSITIVE_INFINITY;
      const committed = new Promise<Appended>((resolve) => {
        onCommitted = (offset) => {
          // One more entry than others have made is this one. An entry that came after it makes the sum say nothing.
          const known = entries === before && offset === position.offset + before;
          resolve({ position: { epoch: position.epoch, offset }, known });
        };
      });
      let wasAsked = false;
      onQuestion = () => {
        wasAsked = true;
      };
      await session.sendBinary(topic, DOC_KIND.update, update);
      before = entries;
      onQuestion = (stateVector) => {
        lacks(stateVector, update, worker).then((isMissing) => {
          if (isMissing) end(inGap());
        }, end);
      };
      // What the room asked while the update was on its way may have been about it or not. It asks again if it was.
      if (wasAsked) await session.sendBinary(topic, DOC_KIND.update, update);
      return committed;
    },
    async notify(event) {
      await session.sendBinary(topic, DOC_KIND.notice, encodeDocEvent(event));
    },
  };
}

/**
 * Whether a document with this state vector is without the update. The room asks for what an update lacks by its state
 * vector, which a client would answer from its own document [DC8]; a request has none, and need not wait for others to.
 */
async function lacks(
  stateVector: Uint8Array,
  update: Uint8Array,
  worker: Pick<DocWorker, "scan">,
): Promise<boolean> {
  const limits = { clientsMax: Number.MAX_SAFE_INTEGER, clockMax: Number.MAX_SAFE_INTEGER };
  return !covers(decodeStateVector(stateVector, limits), await worker.scan(update, NO_LIMITS));
}

function covers(stateVector: StateVector, { sections, deletions }: UpdateScan): boolean {
  const has = (client: number, end: number) => (stateVector.get(client) ?? 0) >= end;
  for (const [client, ranges] of deletions) if (!has(client, ranges.at(-1) ?? 0)) return false;
  return sections.every(({ client, end }) => has(client, end));
}

function inGap(): PlexlineError {
  return new PlexlineError("UPDATE_GAP", {
    message: "The document has not taken the update, because it builds on something that the document lacks.",
    fix: "Send one update that holds everything the document lacks: Y.encodeStateAsUpdate(doc) does.",
  });
}

function replaced(): PlexlineError {
  return new PlexlineError("RESYNC", {
    message: "The document was replaced while this was done.",
    fix: "Read the document afresh, and send what of yours still belongs into it.",
  });
}

function noDocument(): PlexlineError {
  return new PlexlineError("OPERATION_UNSUPPORTED", {
    message: "There are no documents at this address.",
    fix: "Give documentsApi the topicPrefix of the server's documents.",
  });
}
