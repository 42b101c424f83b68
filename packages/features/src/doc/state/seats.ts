import type { Member, Sender, TopicContext } from "@plexline/server";
import { closeSeat, createSeat, type Seat } from "./seat.ts";

/** Who is subscribed to a document. */
export interface Seats {
  /** A session subscribes, maybe anew: it starts anew. */
  enter(member: Member, parts: boolean): Seat;
  leave(sessionId: string): void;
  leaveAll(): void;
  /** The seat of who sends something, with the role they send it in; undefined for who has none, as the server's own code. */
  of(sender: Sender): Seat | undefined;
  setAttached(sessionId: string, attached: boolean): void;
  /** The document is another one than all of them know. */
  outdate(): void;
  /** Those who may have what the document lacks. */
  writers(): Iterable<Seat>;
}

/** @param isWriter Whether a role may write. */
export function createSeats(topic: TopicContext, isWriter: (role: string) => boolean): Seats {
  const seats = new Map<string, Seat>();
  const leave = (sessionId: string): void => {
    const seat = seats.get(sessionId);
    if (!seat) return;
    closeSeat(seat);
    seats.delete(sessionId);
  };
  return {
    enter(member, parts) {
      leave(member.sessionId);
      const seat = createSeat(topic, member, parts);
      seats.set(member.sessionId, seat);
      return seat;
    },
    leave,
    leaveAll() {
      for (const sessionId of [...seats.keys()]) leave(sessionId);
    },
    of(sender) {
      const seat = sender.sessionId === null ? undefined : seats.get(sender.sessionId);
      if (seat && seat.member.role !== sender.role) seat.member = { ...seat.member, role: sender.role };
      return seat;
    },
    setAttached(sessionId, attached) {
      const seat = seats.get(sessionId);
      if (seat) seat.isAttached = attached;
    },
    outdate() {
      for (const seat of seats.values()) seat.isStale = true;
    },
    *writers() {
      for (const seat of seats.values()) {
        if (seat.isAttached && !seat.isStale && isWriter(seat.member.role)) yield seat;
      }
    },
  };
}
