import type { Topic, TopicEvents, TopicName, TopicStatus } from "@plexline/client";
import { type ErrorCode, PlexlineError, type Position, type SubscribeResult } from "@plexline/protocol";
import { afterEach } from "vitest";
import { applyUpdate, Doc, encodeStateAsUpdate, encodeStateVector } from "yjs";
import { createDocs, type DocHandle, type DocOptions } from "../client.ts";
import { DOC_KIND, EMPTY_UPDATE } from "../protocol.ts";

const ADDRESS = "page:9";
const COUNTED: readonly number[] = [DOC_KIND.update, DOC_KIND.syncResponse];

/** A document's room by the rules of PROTOCOL.md, as simple as can be: what is durable, and when, the test says. */
export class FakeRoom {
  epoch = "e1";
  log: Uint8Array[] = [];
  /** Arrived and not durable yet. */
  pending: { readonly topic: FakeTopic; readonly update: Uint8Array; readonly number: number }[] = [];
  readonly topics = new Set<FakeTopic>();

  get durable(): Doc {
    const doc = new Doc();
    for (const update of this.log) applyUpdate(doc, update);
    return doc;
  }

  get text(): string {
    return this.durable.getText("t").toString();
  }

  /** Makes durable what has arrived: all of it, or the first few. */
  commit(count = this.pending.length): void {
    const done = this.pending.splice(0, count);
    this.log.push(...done.map(({ update }) => update));
    for (const { topic, number } of done) topic.acked = number;
    for (const topic of this.topics) topic.committed();
  }

  /** The commit of what has arrived fails. */
  fail(code: ErrorCode = "STORAGE_UNAVAILABLE", asks = true): void {
    for (const { topic, number } of this.pending.splice(0)) {
      topic.emit("error", new PlexlineError(code));
      topic.acked = number;
    }
    for (const topic of this.topics) topic.committed();
    if (asks) this.ask();
  }

  ask(): void {
    for (const topic of this.topics) if (topic.mayWrite) topic.ask();
  }

  onMessage(topic: FakeTopic, kind: number, payload: Uint8Array): void {
    if (kind === DOC_KIND.syncRequest) topic.answers.push(() => topic.receiveAll(this.log));
    if (kind === DOC_KIND.syncRequest && !topic.holdsAnswers) topic.answer();
    if (kind === DOC_KIND.awareness || kind === DOC_KIND.update) {
      for (const other of this.topics) if (other !== topic) other.receive(kind, payload);
    }
    if (!COUNTED.includes(kind)) return;
    this.pending.push({ topic, update: payload, number: ++topic.number });
  }

  accept(topic: FakeTopic, since: Position | null): SubscribeResult {
    const head = this.log.length;
    const recovered = since?.epoch === this.epoch && since.offset <= head;
    this.topics.add(topic);
    topic.number = 0;
    topic.acked = 0;
    const operations = ["subscribe", "presence", ...(topic.mayWrite ? ["publish"] : [])];
    const position = recovered ? since : { epoch: this.epoch, offset: head };
    return { topic: ADDRESS, alias: 1, role: "r", operations, position, head, recovered };
  }
}

/** One client's topic, with the way between it and the room in the test's hands. */
export class FakeTopic implements Topic {
  address: string | null = null;
  status: TopicStatus = { state: "unsubscribed" };
  position: Position | null = null;
  mayWrite = true;
  /** Subscribing waits for `connect`. */
  isOnline = true;
  holdsAnswers = false;
  /** The server's question after a subscribe does not come by itself. */
  holdsQuestion = false;
  answers: (() => void)[] = [];
  number = 0;
  acked = 0;
  readonly sent: { readonly kind: number; readonly payload: Uint8Array }[] = [];
  readonly inputs: unknown[] = [];
  readonly #room: FakeRoom;
  readonly #listeners: [name: string, listener: (value: never) => void][] = [];

  constructor(room: FakeRoom) {
    this.#room = room;
  }

  on<Name extends keyof TopicEvents>(name: Name, listener: (value: TopicEvents[Name]) => void): () => void {
    this.#listeners.push([name, listener]);
    return () => {};
  }

  emit<Name extends keyof TopicEvents>(name: Name, value: TopicEvents[Name]): void {
    for (const [other, listener] of [...this.#listeners]) if (other === name) listener(value as never);
  }

  subscribe(input?: unknown): void {
    this.inputs.push(input);
    if (this.status.state === "unsubscribed") this.setStatus({ state: "subscribing" });
    if (this.isOnline) this.connect();
  }

  unsubscribe(): void {
    this.#room.topics.delete(this);
    this.setStatus({ state: "unsubscribed" });
  }

  /** The server accepts the subscribe, tells what was missed and asks (rules DC1, DC3). */
  connect(): void {
    this.isOnline = true;
    const since = this.position;
    const result = this.#room.accept(this, since);
    this.address = result.topic;
    this.position = result.position;
    this.setStatus({ state: "subscribed", result });
    if (since !== null && !result.recovered && result.position !== null) {
      const reason = since.epoch === result.position.epoch ? "trimmed" : "reset";
      this.emit("gap", { position: result.position, reason });
    }
    if (this.status.state !== "subscribed") return;
    this.emit("subscribed", result);
    if (this.mayWrite && !this.holdsQuestion) this.ask();
    if (!result.recovered || this.holdsAnswers) return;
    for (const update of this.#room.log.slice(since?.offset)) this.receive(DOC_KIND.update, update);
    this.committed();
  }

  ask(): void {
    this.receive(DOC_KIND.syncRequest, encodeStateVector(this.#room.durable));
  }

  lose(): void {
    this.isOnline = false;
    this.answers = [];
    this.#room.topics.delete(this);
    this.setStatus({ state: "subscribing" });
  }

  setStatus(status: TopicStatus): void {
    this.status = status;
    this.emit("status", status);
  }

  answer(): void {
    for (const answer of this.answers.splice(0)) answer();
  }

  receiveAll(updates: readonly Uint8Array[]): void {
    for (const update of updates) this.receive(DOC_KIND.update, update);
    this.receive(DOC_KIND.syncResponse, EMPTY_UPDATE);
  }

  receive(kind: number, payload: Uint8Array): void {
    if (this.status.state === "subscribed") this.emit("binary", { kind, payload });
  }

  committed(): void {
    const offset = this.#room.log.length;
    if (this.position !== null) this.position = { epoch: this.position.epoch, offset };
    this.emit("committed", { offset, acked: this.acked });
  }

  sendBinary(kind: number, payload: Uint8Array): boolean {
    if (this.status.state !== "subscribed") return false;
    this.sent.push({ kind, payload });
    this.#room.onMessage(this, kind, payload);
    return true;
  }

  sentOf(kind: number): Uint8Array[] {
    return this.sent.filter((message) => message.kind === kind).map(({ payload }) => payload);
  }

  async publish(): Promise<never> {
    throw new PlexlineError("OPERATION_UNSUPPORTED");
  }
  async call(): Promise<unknown> {
    return undefined;
  }
  setPresence(): void {}
  whenSubscribed(): Promise<SubscribeResult> {
    return new Promise(() => {});
  }
}

/** Timers that run when a test says so. */
export class HandTimers {
  readonly timers = new Set<{ readonly callback: () => void; readonly delayMs: number }>();
  setTimer = (callback: () => void, delayMs: number): { cancel(): void } => {
    const timer = { callback, delayMs };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  };
  get delaysMs(): number[] {
    return [...this.timers].map(({ delayMs }) => delayMs);
  }
  run(): void {
    for (const timer of [...this.timers]) {
      this.timers.delete(timer);
      timer.callback();
    }
  }
}

const handles: DocHandle[] = [];
afterEach(() => {
  for (const handle of handles.splice(0)) handle.destroy();
});

/** One client of the room: its topics come from the room, its handles end with the test. */
export function createFakeClient(room: FakeRoom, { user = "ada" } = {}) {
  const topics: FakeTopic[] = [];
  const clock = new HandTimers();
  let onStatus: (status: { state: "closed" }) => void = () => {};
  const client = {
    status: { state: "connected", sessionId: "s", resumed: false, user } as { state: "connected" | "closed" },
    welcome: { user, tenant: "default" },
    on: (_name: string, listener: typeof onStatus) => {
      onStatus = listener;
      return () => {};
    },
    topic: (_name: TopicName) => {
      const topic = next ?? new FakeTopic(room);
      next = undefined;
      topics.push(topic);
      return topic;
    },
  };
  let next: FakeTopic | undefined;
  const openDoc = createDocs({ client: client as never, url: "ws://server.test/ws", clock });
  return {
    clock,
    topics,
    /** Opens the document; `topic` changes how its way to the room begins. */
    open(
      options: DocOptions = {},
      topic: Partial<Pick<FakeTopic, "isOnline" | "mayWrite" | "holdsAnswers">> = {},
    ) {
      next = Object.assign(new FakeTopic(room), topic);
      const own = next;
      const handle = openDoc(ADDRESS, options);
      handles.push(handle);
      return { handle, topic: own, text: handle.doc.getText("t") };
    },
    openDoc(name: TopicName, options?: DocOptions): DocHandle {
      const handle = openDoc(name, options);
      handles.push(handle);
      return handle;
    },
    close(): void {
      client.status = { state: "closed" };
      onStatus({ state: "closed" });
    },
  };
}

/** Lets microtasks run: edits of one turn have been sent after it. */
export async function turn(): Promise<void> {
  await Promise.resolve();
}

/** The update of a document in which `edit` has happened. */
export function updateOf(edit: (doc: Doc) => void): Uint8Array {
  const doc = new Doc();
  edit(doc);
  return encodeStateAsUpdate(doc);
}
