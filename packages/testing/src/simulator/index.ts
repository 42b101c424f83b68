export type { Finding, RuleName } from "./checker.ts";
export type { Plant } from "./plant.ts";
export { ackBeforeCommit, leftBehind, staleHead } from "./planted.ts";
export {
  findViolation,
  reportOf,
  type SimulateOptions,
  type SimulationResult,
  simulate,
} from "./simulate.ts";
