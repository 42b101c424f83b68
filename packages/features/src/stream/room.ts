import { PlexlineError, type Position } from "@plexline/protocol";
import type { Room, RoomMessage, Sender, TopicContext } from "@plexline/server";
import { decideAppend } from "./appending.ts";
import { type CommandContext, carryOut, isWriting } from "./commands.ts";
import type { Deciding } from "./deciding.ts";
import { createFoldKeeper, type FoldKeeper } from "./fold-keeper.ts";
import { Lane, streamClosedHere } from "./lane.ts";
import type { ResolvedOptions } from "./options.ts";
import { STREAM_EVENT, type StreamSnapshot } from "./protocol.ts";
import { assertKind, parseChunk, parseSubscribe } from "./request.ts";
import { type Change, infoOf, type StreamState } from "./state.ts";
import { loadState } from "./store.ts";
import { createToldClose } from "./told-close.ts";
import { Upkeep } from "./upkeep.ts";

type Publish = Extract<RoomMessage, { type: "publish" }>;

/** What a stream does while somebody on this node uses it. */
export async function createStreamRoom(topic: TopicContext, options: ResolvedOptions): Promise<Room> {
  const fold = options.fold && createFoldKeeper(topic, options.fold, options);
  const seats = new Set<string>();
  const lane = new Lane(topic, (change) => {
    logChange(topic, change);
    upkeep.plan();
  });
  const upkeep = new Upkeep(topic, lane, () => seats.size > 0);
  const context = createContext({ topic, options, lane, upkeep, fold });
  const assertOpen = (): void => {
    if (topic.signal.aborted) throw streamClosedHere();
  };

  await Promise.all([lane.open(), fold?.open()]);
  upkeep.plan();

  return {
    async onSubscribe(member, input): Promise<StreamSnapshot> {
      assertOpen();
      const wanted = parseSubscribe(input);
      const folded = wanted.fold ? await context.readFold() : undefined;
      seats.add(member.sessionId);
      try {
        const info = await context.readInfo();
        assertOpen();
        if (info) context.use();
        return { info, ...(folded ? { fold: folded } : {}) };
      } catch (error) {
        seats.delete(member.sessionId);
        throw error;
      }
    },
    async onMessage(sender, message) {
      assertOpen();
      if (message.type === "publish") return publish(context, sender, message);
      if (message.type !== "call") throw unsupported(message.type);
      if (isWriting(message.command)) assertWriter(options, sender);
      return carryOut(context, sender, message.command, message.input);
    },
    onEvent: (event) => fold?.add(event),
    async onRestart() {
      lane.invalidate();
      await fold?.open();
    },
    onUnsubscribe(member) {
      if (seats.delete(member.sessionId)) upkeep.use();
    },
    async close() {
      upkeep.close();
      lane.close();
      await fold?.close();
    },
  };
}

/** What the room's commands work with. */
function createContext(parts: {
  readonly topic: TopicContext;
  readonly options: ResolvedOptions;
  readonly lane: Lane;
  readonly upkeep: Upkeep;
  readonly fold: FoldKeeper | undefined;
}): CommandContext {
  const { topic, options, lane, upkeep, fold } = parts;
  const { clock } = topic;
  const headOf = (): Position => {
    const { epoch = "", head = 0 } = topic.window ?? {};
    return { epoch, offset: head };
  };
  const isCloseTold = createToldClose(topic);
  /** What is durable of the stream now, another node's commits included. */
  const look = async (): Promise<StreamState> => {
    const { state } = await loadState(topic);
    if (!upkeep.isOver(state)) return state;
    lane.invalidate();
    void upkeep.expire().catch(() => {});
    return { ...state, info: null };
  };
  return {
    options,
    async run(sender, decide, key) {
      // Awaited only when there is something to await: appends keep the order in which they came.
      if (upkeep.isOver(lane.state)) await upkeep.expire();
      upkeep.use();
      return lane.run((state) =>
        decide(state, {
          options,
          sender,
          nowMs: clock.nowMs(),
          head: headOf(),
          ...(key === undefined ? {} : { key }),
        }),
      );
    },
    use() {
      upkeep.use();
      upkeep.plan();
    },
    async readInfo() {
      const state = await look();
      const head = headOf();
      const info = infoOf(state, head, clock.nowMs());
      return info?.closed && !(await isCloseTold(head)) ? { ...info, closed: null } : info;
    },
    async readFold() {
      if (fold) return fold.read();
      throw new PlexlineError("OPERATION_UNSUPPORTED", {
        message: "This stream has no fold.",
        fix: "Give the stream's definition a fold.",
      });
    },
  };
}

/** A chunk that is published as an event. */
async function publish(
  { options, run }: CommandContext,
  sender: Sender,
  message: Publish,
): Promise<{ readonly position: Position }> {
  if (message.event !== STREAM_EVENT.chunk)
    throw new PlexlineError("EVENT_UNKNOWN", {
      message: `Streams take the event chunk, not "${message.event.slice(0, 64)}".`,
      fix: "Publish chunk, or call a command of the stream.",
    });
  const append = parseChunk(message.payload, options.limits);
  const decide = (state: StreamState, deciding: Deciding) => {
    assertKind(append.values, state.info?.kind ?? options.kind);
    return decideAppend(state, append, deciding);
  };
  const output = await run(sender, decide, message.key);
  if (!output.accepted) throw new PlexlineError("STREAM_CLOSED");
  return { position: output.position };
}

/** The engine has checked `call`, which reading needs too [ST31]. */
function assertWriter({ roles }: ResolvedOptions, { role }: Sender): void {
  if (Object.hasOwn(roles, role) && roles[role]?.includes("publish")) return;
  throw new PlexlineError("FORBIDDEN", { message: `The role ${role} does not write in this stream.` });
}

function unsupported(type: "presence" | "binary"): PlexlineError {
  return new PlexlineError("OPERATION_UNSUPPORTED", {
    message: `Streams take no ${type} messages.`,
    fix: "Call append to write.",
  });
}

/** Tells the log of what happens seldom: who writes, and the stream's end. */
function logChange({ log, topic }: TopicContext, { events, ends }: Change): void {
  if (ends) log.info({ action: "stream.deleted", topic });
  for (const { event, payload } of events) {
    if (event === STREAM_EVENT.producer)
      log.info({ action: "stream.producer", topic, ...(payload as object) });
    else if (event === STREAM_EVENT.close) log.info({ action: "stream.closed", topic });
  }
}
