import type { CloseAdvice } from "@plexline/protocol";

const STOP_CODES = [1000, 1002, 1003, 1007, 1008, 1009];

/**
 * What to do after a close: the advice of the protocol's table as a rule, because the table with its texts would be a
 * twentieth of the client. A test holds the two together.
 */
export function closeAdvice(code: number): CloseAdvice {
  if (code === 4401) return "new-token";
  return STOP_CODES.includes(code) || (code >= 4400 && code < 4500) ? "stop" : "reconnect";
}
