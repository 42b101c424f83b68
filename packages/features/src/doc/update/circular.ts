import type { References } from "./references.ts";
import { refuse } from "./refuse.ts";

/** A section of an update and its entries among the references, in ascending clocks. */
export interface ReferenceSpan {
  readonly first: number;
  readonly last: number;
  /** Where the section lies in the update's bytes, for the message. */
  readonly start: number;
}

/**
 * Throws UPDATE_INVALID if structs of different sections wait for each other for ever. Integrates in thought, as Yjs
 * does: a section goes on until it needs more of another one, and then that one goes on first. Every reference is looked
 * at once, and a section is on the stack at most once, so the work is bounded by the references.
 *
 * @param spans The sections' references.
 * @param indexOf The section of a client id.
 */
export function refuseCircles(
  references: References,
  spans: readonly ReferenceSpan[],
  indexOf: ReadonlyMap<number, number>,
): void {
  if (references.at.length === 0) return;
  const walk: Walk = {
    references,
    spans,
    indexOf,
    next: Float64Array.from(spans, (span) => span.first),
    goal: new Float64Array(spans.length),
    waiting: new Uint8Array(spans.length),
  };
  for (let section = 0; section < spans.length; section++) integrate(walk, section);
}

interface Walk {
  readonly references: References;
  readonly spans: readonly ReferenceSpan[];
  readonly indexOf: ReadonlyMap<number, number>;
  /** By section: its first reference that is not satisfied. */
  readonly next: Float64Array;
  /** By section on the stack: the clock up to which it is needed, exclusive. */
  readonly goal: Float64Array;
  /** By section: 1 while it is on the stack. */
  readonly waiting: Uint8Array;
}

function integrate(walk: Walk, first: number): void {
  const { references, spans, next, goal, waiting } = walk;
  const stack = [first];
  goal[first] = Number.POSITIVE_INFINITY;
  waiting[first] = 1;
  while (stack.length > 0) {
    const section = stack[stack.length - 1]!;
    if (!reaches(walk, section, goal[section]!)) {
      const reference = next[section]!;
      const target = walk.indexOf.get(references.client[reference]!);
      const need = references.need[reference]!;
      if (target === undefined || reaches(walk, target, need)) next[section] = reference + 1;
      else {
        if (waiting[target] === 1)
          refuse("its structs depend on each other in a circle", spans[section]!.start);
        goal[target] = need;
        waiting[target] = 1;
        stack.push(target);
      }
    } else {
      waiting[section] = 0;
      stack.pop();
    }
  }
}

/** Whether the structs of a section that begin before a clock are integrated. */
function reaches(walk: Walk, section: number, clock: number): boolean {
  const reference = walk.next[section]!;
  return reference === walk.spans[section]!.last || walk.references.at[reference]! >= clock;
}
