import type { PresenceDiffMessage, PresenceMember, PresenceStateMessage } from "@plexline/protocol";

/** What changed in a presence between two flushes. */
export type PresenceDiff = Pick<PresenceDiffMessage, "joins" | "updates" | "leaves">;

/**
 * The members after a presence message, by id; the given map is left as it is. Applying a diff is idempotent: joins
 * and updates both mean "this member has this state now", and a leave of somebody unknown changes nothing. So a
 * diff may arrive that a snapshot already includes.
 */
export function applyPresence(
  members: ReadonlyMap<string, PresenceMember>,
  message: PresenceStateMessage | PresenceDiffMessage,
): Map<string, PresenceMember> {
  if (message.type === "presence-state") return new Map(message.members.map((member) => [member.id, member]));
  const next = new Map(members);
  for (const id of message.leaves) next.delete(id);
  for (const member of message.joins) next.set(member.id, member);
  for (const member of message.updates) next.set(member.id, member);
  return next;
}
