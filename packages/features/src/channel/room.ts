import { PlexlineError } from "@plexline/protocol";
import type { Member, Room, TopicContext } from "@plexline/server";
import { createAttendance } from "./attendance.ts";
import { createLastState } from "./last-state.ts";
import type { ResolvedOptions } from "./options.ts";
import type { ChannelInput, ChannelSnapshot } from "./protocol.ts";
import { publishEvent, roomClosed } from "./publishing.ts";
import { validate } from "./schema.ts";

/** One subscription of a session, from the moment it asks. */
interface Seat {
  /** Presence requests so far. Checking one may take a while: an older one never replaces a newer one. */
  asked: number;
  /** The newest of them that took effect. */
  applied: number;
}

/** What a channel does while somebody on this node uses the topic. */
export function createChannelRoom(topic: TopicContext, options: ResolvedOptions): Room {
  const lastState = createLastState(topic);
  const attendance = options.presence && createAttendance(topic, options.presenceFlushMs, options.tracker);
  const seats = new Map<string, Seat>();
  let closed = false;

  /** Checks a presence and puts it into effect, unless its sender is gone by then or has sent a newer one. */
  const applyPresence = async (sender: Member, seat: Seat, state: unknown): Promise<void> => {
    if (!attendance) {
      throw new PlexlineError("OPERATION_UNSUPPORTED", {
        message: "The topic has no presence.",
        fix: "Give the channel's definition a presence schema.",
      });
    }
    seat.asked += 1;
    const request = seat.asked;
    const schema = options.presence === true ? undefined : options.presence;
    const valid = state === null ? null : await validate(schema, state, "presence", "PRESENCE_INVALID");
    assertSeated(sender, seat);
    if (request < seat.applied) return;
    if (valid === null) attendance.remove(sender.sessionId);
    else attendance.set(sender.sessionId, sender.principal.id, valid);
    seat.applied = request;
  };
  const assertRoomOpen = (): void => {
    if (closed) throw roomClosed();
  };
  const assertSeated = (member: Member, seat: Seat): void => {
    if (closed || seats.get(member.sessionId) !== seat) throw new PlexlineError("NOT_SUBSCRIBED");
  };
  const readSnapshot = async (member: Member, seat: Seat): Promise<ChannelSnapshot> => {
    const state = options.state === undefined ? undefined : await lastState.read();
    assertSeated(member, seat);
    return {
      ...(state === undefined ? {} : { state }),
      // Taken in the same tick as the reply is made: the diffs that follow go on from here.
      ...(attendance ? { members: attendance.members() } : {}),
    };
  };
  const leave = (member: Member, seat: Seat | undefined): void => {
    if (seat === undefined || seats.get(member.sessionId) !== seat) return;
    seats.delete(member.sessionId);
    if (attendance) attendance.remove(member.sessionId);
  };

  return {
    async onSubscribe(member, input) {
      assertRoomOpen();
      const seat: Seat = { asked: 0, applied: 0 };
      const { presence } = parseInput(input);
      const hasPresence = presence !== undefined && presence !== null;
      if (hasPresence) assertMayBePresent(options, member);
      // A session that subscribes anew starts anew.
      leave(member, seats.get(member.sessionId));
      seats.set(member.sessionId, seat);
      try {
        if (hasPresence) await applyPresence(member, seat, presence);
        return await readSnapshot(member, seat);
      } catch (error) {
        leave(member, seat);
        throw error;
      }
    },
    async onMessage(sender, message) {
      assertRoomOpen();
      switch (message.type) {
        case "publish":
          return publishEvent(topic, options, lastState, sender, message);
        case "call":
          throw new PlexlineError("COMMAND_UNKNOWN");
        case "presence": {
          const seat = sender.sessionId === null ? undefined : seats.get(sender.sessionId);
          if (sender.sessionId === null || !seat) throw new PlexlineError("NOT_SUBSCRIBED");
          return applyPresence({ ...sender, sessionId: sender.sessionId }, seat, message.state);
        }
        case "binary":
          throw new PlexlineError("OPERATION_UNSUPPORTED", { message: "Channels take no binary messages." });
      }
    },
    onAttachment(member, attached) {
      if (closed || !attendance || !seats.has(member.sessionId)) return;
      if (attached) attendance.attach(member.sessionId);
      else attendance.detach(member.sessionId);
    },
    onUnsubscribe(member) {
      leave(member, seats.get(member.sessionId));
    },
    close() {
      closed = true;
      seats.clear();
      if (attendance) attendance.close();
      // A state that is being stored belongs to this room; the next one of the topic starts after it.
      return lastState.settled();
    },
  };
}

function parseInput(input: unknown): ChannelInput {
  if (input === undefined || input === null) return {};
  if (typeof input !== "object" || Array.isArray(input)) {
    throw new PlexlineError("PAYLOAD_INVALID", { message: "input must be an object, e.g. { presence }." });
  }
  return "presence" in input ? { presence: input.presence } : {};
}

/** A presence that comes with `subscribe` has not passed the engine's check of the operation. */
function assertMayBePresent(options: ResolvedOptions, member: Member): void {
  if (Object.hasOwn(options.roles, member.role) && options.roles[member.role]?.includes("presence")) return;
  throw new PlexlineError("FORBIDDEN", { message: `The role ${member.role} has no presence in this topic.` });
}
