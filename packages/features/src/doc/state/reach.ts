import type { SectionScan, StateVector } from "../update/update-scan.ts";

/** The clocks that a document ends at. */
export interface Ends {
  /** The clock after a client id's last struct; 0 without one. */
  clockOf(client: number): number;
}

/** How far the sections of an update go on from a document without anything missing. */
export interface Reach {
  /** By client id with new structs that can be taken, in the order of the update: the clock up to which. */
  readonly clocks: StateVector;
  /** Why the rest cannot: client id and the clock that it would have to reach in the document, one after the other. */
  readonly missing: readonly number[];
}

/** A section on its way from where the document ends. */
interface Course {
  readonly client: number;
  readonly needs: ArrayLike<number>;
  /** Clock that it cannot go beyond. */
  limit: number;
  /** Its first need that has not been looked at. */
  next: number;
  /** Clock up to which it is needed while it is on the stack. */
  goal: number;
  isOnStack: boolean;
}

/**
 * Cuts each section where it begins to need what is neither in the document nor in what is left of another section.
 *
 * @param limitOf How far a section may be taken that goes on from the clock that the document ends at.
 */
export function reachOf(
  state: Ends,
  sections: readonly SectionScan[],
  limitOf: (section: SectionScan, clock: number) => number,
): Reach {
  const courses = new Map<number, Course>();
  const missing: number[] = [];
  for (const section of sections) {
    const clock = state.clockOf(section.client);
    if (section.end <= clock) continue;
    const { client, needs, from } = section;
    if (from > clock) {
      missing.push(client, from);
      continue;
    }
    const limit = Math.min(section.to, limitOf(section, clock));
    // Its needs from the first on: the update may have what is known otherwise than the document does, what is new may need
    // what that does, and a struct in which the document ends needs what it needed at its beginning.
    if (limit > clock) courses.set(client, { client, needs, limit, next: 0, goal: 0, isOnStack: false });
    // The document has to grow beyond what is in the way.
    if (limit < section.end) missing.push(client, Math.max(limit, clock) + 1);
  }
  if (![...courses.values()].every((course) => isSupported(state, courses, course)))
    for (const course of courses.values()) follow(state, courses, course, missing);
  const clocks = new Map<number, number>();
  for (const { client, limit } of courses.values())
    if (limit > state.clockOf(client)) clocks.set(client, limit);
  return { clocks, missing };
}

/** Whether nothing is missing if no section is cut. */
function isSupported(
  state: Ends,
  courses: ReadonlyMap<number, Course>,
  { needs, next, limit }: Course,
): boolean {
  for (let at = next; at < needs.length && needs[at]! < limit; at += 3) {
    const client = needs[at + 1]!;
    if (needs[at + 2]! > (courses.get(client)?.limit ?? state.clockOf(client))) return false;
  }
  return true;
}

/**
 * Goes on with a section as Yjs would integrate it: until it needs more of another one, and then with that one first. Where
 * that does not come so far, the section ends. Each need is looked at once, so that the work is no more than theirs.
 */
function follow(state: Ends, courses: ReadonlyMap<number, Course>, first: Course, missing: number[]): void {
  const stack = [first];
  first.goal = Number.POSITIVE_INFINITY;
  first.isOnStack = true;
  for (let course = stack.at(-1); course; course = stack.at(-1)) {
    const reached = reachedBy(course);
    if (reached >= course.goal || reached === course.limit) {
      course.isOnStack = false;
      stack.pop();
      continue;
    }
    const client = course.needs[course.next + 1]!;
    const need = course.needs[course.next + 2]!;
    const target = courses.get(client);
    if (need <= state.clockOf(client) || (target && reachedBy(target) >= need)) {
      course.next += 3;
    } else if (target && need <= target.limit && !target.isOnStack) {
      target.goal = need;
      target.isOnStack = true;
      stack.push(target);
    } else {
      course.limit = reached;
      missing.push(client, need);
    }
  }
}

/** The clock up to which a section has all it needs, as far as is known. */
function reachedBy({ needs, next, limit }: Course): number {
  return next < needs.length ? Math.min(needs[next]!, limit) : limit;
}
