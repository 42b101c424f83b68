import type { BinaryMessage, ErrorBody, ErrorMessage } from "@plexline/protocol";
import type { Logger, Member, Room } from "@plexline/server";
import { createTestMember, createTestTopic, type TestTopic } from "@plexline/testing";
import * as Y from "yjs";
import type { DocOptions } from "./options.ts";
import { DOC_KIND } from "./protocol.ts";
import { doc } from "./server.ts";
import { scanUpdate } from "./update/scan.ts";
import type { DocWorker } from "./worker/jobs.ts";

/** A worker on the main thread that never folds, and whose scans wait for the test if it says so. */
export interface InlineWorker extends DocWorker {
  readonly scans: number;
  holdScans(): void;
  releaseScans(): void;
}

export function createInlineWorker(): InlineWorker {
  let scans = 0;
  let held: Promise<void> | undefined;
  let release = (): void => {};
  return {
    get scans() {
      return scans;
    },
    holdScans() {
      held = new Promise((resolve) => {
        release = resolve;
      });
    },
    releaseScans() {
      held = undefined;
      release();
    },
    async scan(update, limits) {
      scans += 1;
      await held;
      return scanUpdate(update, limits);
    },
    fold: () => Promise.reject(new Error("nothing is folded here")),
  };
}

/** Lets everything that only waits for promises go on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export interface LogLine {
  readonly level: string;
  readonly action: unknown;
  readonly [field: string]: unknown;
}

/** A document's room on a test topic, and what reached its members. */
export interface Opened {
  readonly topic: TestTopic;
  readonly room: Room;
  readonly worker: InlineWorker;
  readonly lines: LogLine[];
  subscribe(member: Member, input?: unknown): Promise<unknown>;
  send(member: Member, kind: number, payload: Uint8Array): Promise<unknown>;
  /** Sends an update, and returns the code of the error it was refused with. */
  update(member: Member, payload: Uint8Array): Promise<string>;
  syncResponse(member: Member, payload: Uint8Array): Promise<string>;
  /** Payloads of this kind pushed to a member. */
  pushed(member: Member, kind: number): Uint8Array[];
  /** Errors pushed to a member. */
  errors(member: Member): ErrorBody[];
  /** Times a member has been asked for what the document lacks. */
  asked(member: Member): number;
  /** The highest number acknowledged to a member. */
  acked(member: Member): number;
  /** The log, applied in its order; throws where something is missing at its place. */
  logged(): Y.Doc;
  close(): Promise<void>;
}

/** Opens a document, on a topic that was used before if one is given. */
export async function openDoc(options: DocOptions = {}, used?: TestTopic): Promise<Opened> {
  const worker = createInlineWorker();
  const lines: LogLine[] = [];
  const topic: TestTopic = Object.defineProperty(used ?? createTestTopic({ topic: "page:1" }), "log", {
    value: recordLog(lines),
  });
  const room = await doc("page:{id}", { worker, ...options }).open(topic);
  const send = async (member: Member, kind: number, payload: Uint8Array) =>
    room.onMessage(member, { type: "binary", kind, payload });
  const codeOf = async (sending: Promise<unknown>): Promise<string> =>
    sending.then(
      () => "",
      (error: ErrorBody) => error.code,
    );
  const messages = (member: Member) =>
    topic.pushed.filter((push) => push.member.sessionId === member.sessionId).map(({ message }) => message);
  const pushed = (member: Member, kind: number) =>
    messages(member)
      .filter((message): message is BinaryMessage => "kind" in message && message.kind === kind)
      .map(({ payload }) => payload);
  return {
    topic,
    room,
    worker,
    lines,
    subscribe: async (member, input) => room.onSubscribe?.(member, input),
    send,
    update: (member, payload) => codeOf(send(member, DOC_KIND.update, payload)),
    syncResponse: (member, payload) => codeOf(send(member, DOC_KIND.syncResponse, payload)),
    pushed,
    errors: (member) =>
      messages(member)
        .filter((message): message is ErrorMessage => "type" in message && message.type === "error")
        .map(({ error }) => error),
    asked: (member) => pushed(member, DOC_KIND.syncRequest).length,
    acked: (member) =>
      topic.acknowledged.filter((call) => call.member.sessionId === member.sessionId).at(-1)?.acked ?? 0,
    logged: () => applyLog(topic),
    async close() {
      topic.abort();
      await room.close?.();
    },
  };
}

/** Applies the log in its order; throws where something is missing at its place. */
export function applyLog({ entries }: Pick<TestTopic, "entries">): Y.Doc {
  const document = new Y.Doc({ gc: false });
  for (const { payload, offset } of entries) {
    Y.applyUpdate(document, payload);
    if (document.store.pendingStructs !== null || document.store.pendingDs !== null)
      throw new Error(`Something that entry ${offset} refers to is missing at its place.`);
  }
  return document;
}

/** A document with a client id of its own, and the updates it has made, oldest first. */
export function createTyped(client: number): {
  doc: Y.Doc;
  updates: Uint8Array[];
  type(text: string): Uint8Array;
} {
  const document = new Y.Doc();
  document.clientID = client;
  const updates: Uint8Array[] = [];
  document.on("update", (update: Uint8Array, origin: unknown) => {
    if (origin !== "remote") updates.push(update);
  });
  return {
    doc: document,
    updates,
    type(text) {
      const shared = document.getText("t");
      shared.insert(shared.length, text);
      return updates.at(-1)!;
    },
  };
}

export const ada = createTestMember("ada");
export const bob = createTestMember("bob");
export const eve = createTestMember("eve", { role: "viewer" });

function recordLog(lines: LogLine[]): Logger {
  const write = (level: string) => (fields: Readonly<Record<string, unknown>>) =>
    void lines.push({ level, action: fields.action, ...fields });
  const log: Logger = {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: () => log,
  };
  return log;
}
