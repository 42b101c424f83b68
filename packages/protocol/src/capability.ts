import { patternMatches } from "./pattern.ts";

/** A grant: these operations on the topics of this pattern. The only thing that is checked at run time. */
export interface Capability {
  /** `subscribe`, `publish`, `call`, `presence`. */
  readonly operations: readonly string[];
  /** A pattern that `parsePattern` accepted. */
  readonly pattern: string;
}

/**
 * Whether one of the capabilities grants an operation on a topic.
 *
 * @example
 * allows([{ operations: ["subscribe"], pattern: "run:*" }], "subscribe", "run:42"); // true
 */
export function allows(capabilities: readonly Capability[], operation: string, topic: string): boolean {
  for (const capability of capabilities) {
    if (capability.operations.includes(operation) && patternMatches(capability.pattern, topic)) return true;
  }
  return false;
}
