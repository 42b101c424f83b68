/** The least time between two announcements of one user. */
export const TYPING_INTERVAL_MS = 1_000;
/** Somebody who has announced nothing for this long has stopped. */
export const TYPING_EXPIRES_MS = 3_000;
/** Sessions remembered; more people than this are not worth telling apart. */
const TYPISTS_MAX = 50;

/** When each session that types stops counting as typing, in milliseconds since 1970. */
export type Typing = ReadonlyMap<string, number>;

/** A session announced that it types. */
export function heardTyping(typing: Typing, session: string, nowMs: number): Typing {
  if (!typing.has(session) && typing.size >= TYPISTS_MAX) return typing;
  return new Map(typing).set(session, nowMs + TYPING_EXPIRES_MS);
}

/** A session said what it typed. */
export function stoppedTyping(typing: Typing, session: string): Typing {
  if (!typing.has(session)) return typing;
  const next = new Map(typing);
  next.delete(session);
  return next;
}

/** Without those whose time is over. */
export function expireTyping(typing: Typing, nowMs: number): Typing {
  const next = new Map([...typing].filter(([, untilMs]) => untilMs > nowMs));
  return next.size === typing.size ? typing : next;
}

/** Whether it is time to announce again. */
export function mayAnnounce(lastMs: number | null, nowMs: number): boolean {
  return lastMs === null || nowMs - lastMs >= TYPING_INTERVAL_MS;
}
