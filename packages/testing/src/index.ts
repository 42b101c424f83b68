export { BROADCAST_KIND, type BroadcastProbe, broadcastProbe } from "./broadcast-probe.ts";
export { createTestClock, type TestClock } from "./clock.ts";
export {
  createFaultyStorage,
  type FaultyStorage,
  type FaultyStorageOptions,
  type RandomFaults,
} from "./faulty-storage.ts";
export { createNetwork, type Link, type Network, type NetworkOptions } from "./network.ts";
export { type Probe, type ProbeOptions, probe } from "./probe.ts";
export { createSeededRandom, type SeededRandom } from "./random.ts";
export { createRawClient, type RawClient, type RawClientOptions } from "./raw-client.ts";
export {
  type Finding,
  findViolation,
  type Plant,
  type RuleName,
  reportOf,
  type SimulateOptions,
  type SimulationResult,
  simulate,
} from "./simulator/index.ts";
export {
  type ConnectOptions,
  createTestServer,
  type TestServer,
  type TestServerOptions,
} from "./test-server.ts";
export {
  createTestMember,
  createTestSender,
  createTestTopic,
  type TestTopic,
  type TestTopicOptions,
} from "./test-topic.ts";
