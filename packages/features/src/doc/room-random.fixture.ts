import type { BinaryMessage } from "@plexline/protocol";
import type { Member } from "@plexline/server";
import { createSeededRandom, createTestMember, createTestTopic, type SeededRandom } from "@plexline/testing";
import * as Y from "yjs";
import { DOC_KIND } from "./protocol.ts";
import { type Opened, openDoc, settled } from "./room.fixture.ts";

/** Longer than the longest pause between two requests to a member. */
const QUIET_SECONDS = 31;

interface Message {
  readonly kind: number;
  readonly payload: Uint8Array;
}

interface Subscription {
  /** Messages that the room has got and counts, by number from 1. */
  readonly sent: Message[];
  /** Errors told, thrown or pushed. */
  errors: number;
}

/** Somebody with a Y.Doc, and a wire that delivers when the test says so. */
class Writer {
  readonly doc = new Y.Doc();
  readonly member: Member;
  /** On their way to the room and from it. */
  outgoing: Message[] = [];
  incoming: Message[] = [];
  subscription: Subscription = { sent: [], errors: 0 };

  constructor(user: string, client: number) {
    this.member = createTestMember(user, { sessionId: `s-${client}` });
    this.doc.clientID = client;
    this.doc.on("update", (payload: Uint8Array, origin: unknown) => {
      if (origin !== "remote") this.outgoing.push({ kind: DOC_KIND.update, payload });
    });
  }

  edit(random: SeededRandom): void {
    const text = this.doc.getText("t");
    const map = this.doc.getMap<Y.Array<number>>("m");
    const at = random.integer(text.length + 1);
    const choice = random.integer(6);
    if (choice < 3) text.insert(at, random.pick(["a", "bc", "def"]));
    else if (choice === 3 && text.length > 0) text.delete(Math.min(at, text.length - 1), 1);
    else if (choice === 4) map.set(random.pick(["x", "y"]), Y.Array.from([random.integer(9)]));
    else map.get("x")?.push([random.integer(9)]);
  }

  /** Sends all it has, as clients do that keep no account of what the room lacks. */
  tellAll(random: SeededRandom): void {
    const kind = random.pick([DOC_KIND.update, DOC_KIND.syncResponse]);
    this.outgoing.push({ kind, payload: Y.encodeStateAsUpdate(this.doc) });
  }

  receive({ kind, payload }: Message): void {
    if (kind === DOC_KIND.update || kind === DOC_KIND.syncResponse)
      Y.applyUpdate(this.doc, payload, "remote");
    if (kind === DOC_KIND.syncRequest)
      this.outgoing.push({ kind: DOC_KIND.syncResponse, payload: Y.encodeStateAsUpdate(this.doc, payload) });
  }
}

/** Some writers and a document whose room, storage and wires fail as the seed says. */
export class RandomPlay {
  readonly random: SeededRandom;
  readonly writers: Writer[];
  readonly topic = createTestTopic({ topic: "page:1" });
  readonly durable = new Y.Doc({ gc: false });
  acknowledgements = 0;
  /** Promises that were broken. */
  readonly failures: string[] = [];
  #page: Opened | undefined;
  #applied = 0;
  #seen = { broadcasts: 0, entries: 0, pushed: 0, fed: 0 };

  constructor(seed: number, users: readonly string[]) {
    this.random = createSeededRandom(seed);
    this.writers = users.map((user, index) => new Writer(user, index + 1));
    const { acknowledge } = this.topic;
    Object.defineProperty(this.topic, "acknowledge", {
      value: (member: Member, acked: number) => {
        acknowledge(member, acked);
        this.#checkAcknowledged(member, acked);
      },
    });
  }

  /** Everybody comes, and has written something that is durable. */
  async begin(): Promise<void> {
    await this.open();
    for (const writer of this.writers) writer.doc.getText("t").insert(0, "begin");
    await this.calm();
  }

  async open(): Promise<void> {
    this.#page = await openDoc({ scanBytesMax: 200 }, this.topic);
    for (const writer of this.writers) await this.connect(writer);
  }

  /** The process dies: what is not durable is lost, and so is what is on the wires. */
  async crash(): Promise<void> {
    this.topic.failWrites();
    await settled();
    await this.#page?.room.close?.();
    this.topic.releaseWrites();
    await this.open();
  }

  /** A writer subscribes, maybe anew. */
  async connect(writer: Writer): Promise<void> {
    this.#collect();
    Object.assign(writer, { outgoing: [], incoming: [], subscription: { sent: [], errors: 0 } });
    await this.#page?.subscribe(writer.member);
    writer.outgoing.push({ kind: DOC_KIND.syncRequest, payload: Y.encodeStateVector(writer.doc) });
  }

  async step(): Promise<void> {
    const { random } = this;
    const writer = random.pick(this.writers);
    const dice = random.integer(100);
    if (dice < 35) writer.edit(random);
    else if (dice < 60)
      this.#send(writer, random.chance(0.8) ? 0 : random.integer(writer.outgoing.length || 1));
    else if (dice < 85) this.#deliver(writer);
    else if (dice < 87) this.topic.holdWrites();
    else if (dice < 88) this.topic.failWrites();
    else if (dice < 92) this.topic.releaseWrites();
    else if (dice < 94) await this.connect(writer);
    else if (dice < 95) await this.crash();
    else if (dice < 96) writer.tellAll(random);
    else if (dice < 98) this.topic.clock.advance(random.integer(2_000));
    else await settled();
    if (random.chance(0.3)) await settled();
    this.#collect();
  }

  /** Everything arrives, and the storage works: until nobody has anything to say. */
  async calm(): Promise<void> {
    this.topic.releaseWrites();
    for (let quiet = 0; quiet < QUIET_SECONDS; ) {
      await settled();
      this.#collect();
      this.topic.clock.advance(1_000);
      const busy = this.writers.filter(({ incoming, outgoing }) => incoming.length + outgoing.length > 0);
      quiet = busy.length === 0 ? quiet + 1 : 0;
      for (const writer of busy) {
        while (writer.incoming.length > 0) this.#deliver(writer);
        while (writer.outgoing.length > 0) this.#send(writer, 0);
      }
    }
  }

  /** Everybody stays as they are, or comes again. */
  async end(): Promise<void> {
    const comesAgain = this.random.chance(0.3);
    if (comesAgain) for (const writer of this.writers) await this.connect(writer);
    await this.calm();
    this.#applyDurable();
    await this.#page?.close();
  }

  #send(writer: Writer, index: number): void {
    const [message] = writer.outgoing.splice(index, 1);
    if (!message) return;
    // Some arrive twice.
    const times = message.kind === DOC_KIND.update && this.random.chance(0.1) ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      const { subscription } = writer;
      if (message.kind !== DOC_KIND.syncRequest) subscription.sent.push(message);
      this.#page?.send(writer.member, message.kind, message.payload).catch(() => {
        subscription.errors += 1;
      });
    }
  }

  #deliver(writer: Writer): void {
    const message = writer.incoming.shift();
    if (message) writer.receive(message);
  }

  /** Puts on the wires what the room has handed to the engine. */
  #collect(): void {
    const { broadcasts, entries, pushed, fed } = this.topic;
    const seen = this.#seen;
    for (const { entry, except } of broadcasts.slice(seen.broadcasts)) {
      for (const writer of this.writers)
        if (writer.member.sessionId !== except?.sessionId) writer.incoming.push(entry);
    }
    // Who subscribed while one was on its way into the log is given it from there; others get it twice.
    for (const entry of entries.slice(seen.entries))
      for (const { incoming } of this.writers) incoming.push(entry);
    for (const { member, message } of pushed.slice(seen.pushed)) {
      const writer = this.#writerOf(member);
      if ("kind" in message) writer.incoming.push(message as BinaryMessage);
      else writer.subscription.errors += 1;
    }
    for (const { member, message } of fed.slice(seen.fed)) this.#writerOf(member).incoming.push(message);
    this.#seen = {
      broadcasts: broadcasts.length,
      entries: entries.length,
      pushed: pushed.length,
      fed: fed.length,
    };
  }

  #writerOf(member: Member): Writer {
    return this.writers.find((writer) => writer.member.sessionId === member.sessionId)!;
  }

  /** Applies what has become durable; nothing may be missing at its place. */
  #applyDurable(): void {
    for (const { payload, offset } of this.topic.entries.slice(this.#applied)) {
      Y.applyUpdate(this.durable, payload);
      const { pendingStructs, pendingDs } = this.durable.store;
      if (pendingStructs !== null || pendingDs !== null) this.failures.push(`entry ${offset} is in a gap`);
    }
    this.#applied = this.topic.entries.length;
  }

  /** What is acknowledged is durable now, or has been answered by an error. */
  #checkAcknowledged(member: Member, acked: number): void {
    this.acknowledgements += 1;
    this.#applyDurable();
    const { subscription } = this.#writerOf(member);
    const early = subscription.sent.slice(0, acked).filter(({ payload }) => !this.#isDurable(payload)).length;
    // An error that is thrown reaches its sender after the acknowledgement, in the same tick.
    setImmediate(() => {
      this.#collect();
      const { errors } = subscription;
      if (early > errors) this.failures.push(`${early} of ${acked} are not durable, ${errors} were refused`);
    });
  }

  #isDurable(update: Uint8Array): boolean {
    for (const [client, clock] of Y.parseUpdateMeta(update).to)
      if (clock > Y.getState(this.durable.store, client)) return false;
    for (const [client, ranges] of Y.decodeUpdate(update).ds.clients) {
      for (const { clock, len } of ranges) {
        for (let at = clock; at < clock + len; at += 1) {
          if (at >= Y.getState(this.durable.store, client)) return false;
          if (!Y.getItem(this.durable.store, Y.createID(client, at)).deleted) return false;
        }
      }
    }
    return true;
  }
}
