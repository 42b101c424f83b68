import { PlexlineError, type Position } from "@plexline/protocol";
import type { Room, RoomMessage, Sender, TopicContext } from "@plexline/server";
import { decideAppend } from "./appending.ts";
import { createAppointment } from "./appointment.ts";
import { decideLost } from "./attaching.ts";
import { type CommandContext, carryOut, isWriting } from "./commands.ts";
import type { Deciding } from "./deciding.ts";
import { createFoldKeeper } from "./fold-keeper.ts";
import { type Decide, Lane, streamClosedHere } from "./lane.ts";
import { decideExpire, decideUse } from "./life.ts";
import { goneAtMs, isGone, renewalMs } from "./lifetime.ts";
import type { ResolvedOptions } from "./options.ts";
import { leaseEndMs, overdue } from "./producers.ts";
import { STREAM_EVENT, type StreamSnapshot } from "./protocol.ts";
import { assertKind, parseChunk, parseSubscribe } from "./request.ts";
import { type Change, infoOf, type StreamState, type Verdict } from "./state.ts";
import { loadState } from "./store.ts";

/** What a stream does while somebody on this node uses it. */
export async function createStreamRoom(topic: TopicContext, options: ResolvedOptions): Promise<Room> {
  const { clock } = topic;
  const fold = options.fold && createFoldKeeper(topic, options.fold, options);
  const seats = new Set<string>();
  /** When this node saw it used last. */
  let usedAtMs = 0;

  const lane = new Lane(topic, (change) => {
    logChange(topic, change);
    appointment.meet(nextDueMs(lane.state));
  });
  const use = (): void => {
    usedAtMs = clock.nowMs();
    appointment.meet(nextDueMs(lane.state));
  };
  const lastUseMs = (state: StreamState): number =>
    seats.size > 0 ? clock.nowMs() : Math.max(usedAtMs, state.usedAtMs);
  /** When something of the stream is due next: a lease, its end, a use that is to be written. */
  const nextDueMs = ({ info, producers, usedAtMs: writtenMs }: StreamState): number => {
    if (!info) return Number.POSITIVE_INFINITY;
    const dues = [goneAtMs(info, Math.max(usedAtMs, writtenMs))];
    if (!info.closed)
      for (const producer of producers.values()) dues.push(leaseEndMs(producer) ?? Number.POSITIVE_INFINITY);
    const renewal = renewalMs(info);
    if (renewal !== undefined && (usedAtMs > writtenMs || seats.size > 0)) dues.push(writtenMs + renewal);
    return Math.min(...dues);
  };
  const attend = async (): Promise<number> => {
    try {
      const nowMs = clock.nowMs();
      await expire();
      if (overdue(lane.state, nowMs).length > 0) await lane.run((state) => decideLost(state, nowMs));
      if (renewalMs(lane.state.info ?? NO_LIFE) !== undefined)
        await lane.run((state) => decideUse(state, lastUseMs(state)));
    } catch (error) {
      if (!topic.signal.aborted) topic.log.warn({ action: "stream.due", topic: topic.topic, error });
      throw error;
    }
    return nextDueMs(lane.state);
  };
  const appointment = createAppointment(clock, attend);
  /** Removes the stream if its time is over. */
  const expire = async (): Promise<void> => {
    const { state } = lane;
    if (!state.info || !isGone(state.info, lastUseMs(state), clock.nowMs())) return;
    const isExpired = await lane.run((known) => decideExpire(known, lastUseMs(known), clock.nowMs()));
    if (isExpired) topic.log.info({ action: "stream.expired", topic: topic.topic });
  };
  const headOf = (): Position => {
    const { epoch = "", head = 0 } = topic.window ?? {};
    return { epoch, offset: head };
  };
  /** Decides about a command in its turn, on a stream whose time is not over. */
  const run = async <Output>(
    sender: Sender,
    decide: (state: StreamState, deciding: Deciding) => Verdict<Output>,
    key?: string,
  ): Promise<Output> => {
    const decideNow: Decide<Output> = (state) =>
      decide(state, {
        options,
        sender,
        nowMs: clock.nowMs(),
        head: headOf(),
        ...(key === undefined ? {} : { key }),
      });
    const { info } = lane.state;
    // Awaited only when there is something to await: appends keep the order in which they came.
    if (info && isGone(info, lastUseMs(lane.state), clock.nowMs())) await expire();
    usedAtMs = clock.nowMs();
    return lane.run(decideNow);
  };
  /** What is durable of the stream now, another node's commits included. */
  const look = async (): Promise<StreamState> => {
    const { state } = await loadState(topic);
    const { info } = state;
    if (!info || !isGone(info, lastUseMs(state), clock.nowMs())) return state;
    lane.invalidate();
    void lane.run((known) => decideExpire(known, lastUseMs(known), clock.nowMs())).catch(() => {});
    return { ...state, info: null };
  };
  const readInfo = async () => infoOf(await look(), headOf(), clock.nowMs());
  const context: CommandContext = {
    options,
    run,
    use,
    readInfo,
    readFold: async () => {
      if (fold) return fold.read();
      throw new PlexlineError("OPERATION_UNSUPPORTED", {
        message: "This stream has no fold.",
        fix: "Give the stream's definition a fold.",
      });
    },
  };
  const publish = async (sender: Sender, message: Publish): Promise<{ readonly position: Position }> => {
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
  };
  const assertOpen = (): void => {
    if (topic.signal.aborted) throw streamClosedHere();
  };

  await Promise.all([lane.open(), fold?.open()]);
  appointment.meet(nextDueMs(lane.state));

  return {
    async onSubscribe(member, input): Promise<StreamSnapshot> {
      assertOpen();
      const wanted = parseSubscribe(input);
      const folded = wanted.fold ? await context.readFold() : undefined;
      seats.add(member.sessionId);
      try {
        const info = await readInfo();
        assertOpen();
        if (info) use();
        return { info, ...(folded ? { fold: folded } : {}) };
      } catch (error) {
        seats.delete(member.sessionId);
        throw error;
      }
    },
    async onMessage(sender, message) {
      assertOpen();
      if (message.type === "publish") return publish(sender, message);
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
      if (seats.delete(member.sessionId)) usedAtMs = clock.nowMs();
    },
    async close() {
      appointment.close();
      lane.close();
      await fold?.close();
    },
  };
}

type Publish = Extract<RoomMessage, { type: "publish" }>;

/** Stands for a stream that is absent, which nothing ends. */
const NO_LIFE = { kind: "json", contentType: "", createdAtMs: 0, closed: null, producers: [] } as const;

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
