// Contract suites: what every feature and every storage must hold, ours and anybody's. They need vitest and fast-check.
export { type BrokerUnderTest, brokerContract } from "./broker-contract.ts";
export { type FeatureSamples, featureContract } from "./feature-contract.ts";
export { type StorageUnderTest, storageContract } from "./storage-contract/index.ts";
