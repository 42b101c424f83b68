import { PlexlineError } from "@plexline/protocol";
import type { Binary, Room, Sender, TopicContext } from "@plexline/server";
import { createDocAwareness } from "./awareness/document-awareness.ts";
import { createCompaction } from "./compaction.ts";
import { decodeDocEvent } from "./event.ts";
import { createJoins } from "./join.ts";
import type { ResolvedOptions } from "./options.ts";
import { DOC_KIND, type DocInput, type SeedOutput } from "./protocol.ts";
import { readSeed } from "./seed.ts";
import { createSnapshotCache } from "./snapshot-cache.ts";
import { createDocumentState } from "./state/document-state.ts";
import { createFeeds } from "./state/feeds.ts";
import { createIntake } from "./state/intake.ts";
import { createLedger } from "./state/ledger.ts";
import { createLogReader } from "./state/log-reader.ts";
import { createRepair } from "./state/repair.ts";
import type { Seat } from "./state/seat.ts";
import { createSeats } from "./state/seats.ts";
import { decodeStateVector } from "./update/state-vector.ts";
import { createWholes } from "./whole.ts";

/** Reads a document and serves it, for as long as somebody on this node uses it. */
export async function openDocRoom(topic: TopicContext, options: ResolvedOptions): Promise<Room> {
  const parts = createParts(topic, options);
  await parts.reader.load();
  return createRoom(topic, options, parts);
}

/** Requests of which a member may owe the answers. */
const QUESTIONS_MAX = 256;

type Parts = ReturnType<typeof createParts>;

/** What a room is made of, wired together. */
function createParts(topic: TopicContext, options: ResolvedOptions) {
  const { limits, worker, roles, kept } = options;
  const state = createDocumentState(limits.documentClientsMax);
  const isWriter = (role: string): boolean =>
    Object.hasOwn(roles, role) && roles[role]?.includes("publish") === true;
  const seats = createSeats(topic, isWriter);
  const snapshots = createSnapshotCache(topic, kept);
  const joins = createJoins(topic, snapshots);
  const wholes = createWholes(topic, worker, snapshots);
  const compaction = createCompaction(topic, worker, limits, () => state.owners, joins.renew);
  const requestSync = (seat: Seat): void => {
    // Whoever does not answer is not asked for ever.
    if (seat.questions.length >= QUESTIONS_MAX) return;
    seat.questions.push(ledger.losses);
    topic.setMessageBytesMax(seat.member, limits.syncBytesMax);
    topic.push(seat.member, { alias: 0, kind: DOC_KIND.syncRequest, payload: state.encodeVector() });
  };
  const repair = createRepair<Seat>(topic.clock, seats.writers, requestSync);
  const ledger = createLedger({ topic, options, state, repair, onCommitted: compaction.onCommitted });
  const reader = createLogReader(
    topic,
    options,
    state,
    ({ head, tailEntries, tailBytes }) => compaction.loaded(head, tailEntries, tailBytes),
    ledger.onGrown,
  );
  // However many a document may have: what names many more than it has now would only cost time.
  const clientsMax = (): number =>
    Math.min(limits.documentClientsMax, state.stateVector.size + limits.syncClientsMax);
  const intake = createIntake({
    topic,
    options,
    ledger,
    repair,
    clientsMax,
    loading: () => reader.loading,
  });
  const awareness = createDocAwareness(topic, { ...limits, leaveAfterMs: limits.awarenessLeaveAfterMs });
  const feeds = createFeeds(topic, joins, wholes);
  return {
    seats,
    snapshots,
    isWriter,
    repair,
    ledger,
    reader,
    clientsMax,
    intake,
    compaction,
    awareness,
    feeds,
  };
}

function createRoom(topic: TopicContext, { limits }: ResolvedOptions, parts: Parts): Room {
  const { seats, snapshots, repair, ledger, reader, compaction, awareness } = parts;
  let closed = false;

  const assertOpen = (): void => {
    if (!closed) return;
    throw new PlexlineError("SHUTTING_DOWN", {
      message: "The document was closed on this node; nothing was done.",
    });
  };
  /** Tells a newcomer what follows the reply [DC1, DC4]. */
  const greet = (seat: Seat): void => {
    topic.setMessageBytesMax(seat.member, limits.updateBytesMax);
    if (parts.isWriter(seat.member.role)) repair.ask(seat);
    awareness.onSubscribe(seat.member);
  };
  const greetLater = async (seat: Seat): Promise<void> => {
    await reader.loading;
    if (!seat.isOpen) throw new PlexlineError("NOT_SUBSCRIBED");
    greet(seat);
  };

  return {
    onSubscribe(member, input) {
      assertOpen();
      const seat = seats.enter(member, parseInput(input).parts === true);
      return reader.loading ? greetLater(seat) : greet(seat);
    },
    async onMessage(sender, message) {
      assertOpen();
      if (message.type === "call") return seed(parts, sender, message);
      if (message.type !== "binary") throw unsupported(message.type);
      return receive(topic, parts, limits, sender, message);
    },
    onEntry(entry) {
      if (closed) return;
      compaction.onCommitted(entry.offset, entry.payload.length);
      reader.take(entry);
    },
    onRestart() {
      if (closed) return;
      seats.outdate();
      ledger.restart();
      return reader.reload();
    },
    onAttachment(member, attached) {
      if (closed) return;
      seats.setAttached(member.sessionId, attached);
      awareness.onAttachment(member, attached);
    },
    onUnsubscribe(member) {
      seats.leave(member.sessionId);
      if (!closed) awareness.onUnsubscribe(member);
    },
    async close() {
      closed = true;
      seats.leaveAll();
      repair.close();
      awareness.close();
      snapshots.close();
      await Promise.all([ledger.close(), compaction.close()]);
    },
  };
}

/** A binary message, by its kind. */
function receive(
  topic: TopicContext,
  { seats, intake, feeds, awareness, clientsMax }: Parts,
  { clockMax }: ResolvedOptions["limits"],
  sender: Sender,
  { kind, payload }: Binary,
): Promise<void> | undefined {
  const seat = seats.of(sender);
  if (kind === DOC_KIND.update || kind === DOC_KIND.syncResponse)
    return intake.receive(sender, seat, kind === DOC_KIND.syncResponse, payload);
  if (kind === DOC_KIND.event || kind === DOC_KIND.notice) return relayEvent(topic, seat, { kind, payload });
  if (kind !== DOC_KIND.syncRequest && kind !== DOC_KIND.awareness && kind !== DOC_KIND.state)
    throw unknownKind(kind);
  if (!seat) throw new PlexlineError("NOT_SUBSCRIBED");
  if (kind === DOC_KIND.awareness) {
    awareness.onMessage(seat.member, payload);
  } else if (kind === DOC_KIND.state) {
    if (payload.length > 0) throw stateWithPayload();
    feeds.requestState(seat);
  } else {
    feeds.request(seat, decodeStateVector(payload, { clientsMax: clientsMax(), clockMax }));
    // Whoever asks for the document begins afresh with it [DC17].
    seat.isStale = false;
  }
  return undefined;
}

/** Hands an `event` or a `notice` to all others, and keeps nothing of it [DC20]. */
function relayEvent(topic: TopicContext, seat: Seat | undefined, { kind, payload }: Binary): undefined {
  decodeDocEvent(payload);
  topic.relay(
    // The engine puts the topic's alias in.
    { alias: 0, kind, payload },
    { outbox: { policy: "drop-oldest" }, ...(seat ? { except: seat.member } : {}) },
  );
}

/** The one command of documents [DC21]. */
async function seed(
  { isWriter, intake }: Parts,
  sender: Sender,
  { command, input }: { readonly command: string; readonly input: unknown },
): Promise<SeedOutput> {
  if (command !== "seed") throw new PlexlineError("COMMAND_UNKNOWN");
  // A role may have been given calls without the right to write.
  if (sender.sessionId !== null && !isWriter(sender.role)) throw new PlexlineError("FORBIDDEN");
  return { seeded: await intake.seed(sender, readSeed(input)) };
}

function parseInput(input: unknown): DocInput {
  if (input === undefined || input === null) return {};
  if (typeof input !== "object" || Array.isArray(input))
    throw new PlexlineError("PAYLOAD_INVALID", { message: "input must be an object, e.g. { parts: true }." });
  const parts = "parts" in input ? input.parts : undefined;
  if (parts !== undefined && typeof parts !== "boolean")
    throw new PlexlineError("PAYLOAD_INVALID", { message: "input.parts must be true or false." });
  return parts === undefined ? {} : { parts };
}

function unsupported(type: "publish" | "presence"): PlexlineError {
  return new PlexlineError("OPERATION_UNSUPPORTED", {
    message: `Documents take no ${type}.`,
    fix: "Send updates and awareness as binary messages.",
  });
}

function stateWithPayload(): PlexlineError {
  return new PlexlineError("MALFORMED_MESSAGE", {
    message: "A state that a client sends is a question and has no payload.",
    fix: "Send it empty; send updates as update or sync-response.",
  });
}

function unknownKind(kind: number): PlexlineError {
  return new PlexlineError("UNKNOWN_MESSAGE", {
    message: `Documents take no binary messages of kind ${kind} from clients.`,
    fix: "Use a kind that PROTOCOL.md of documents lists.",
  });
}
