// Runs for clients of one session each: a socket, messages for the combined socket, and HTTP.

export {
  type ServedTransportPolicy,
  type TransportPolicyOptions,
  transportPolicy,
} from "../../policy/endpoint.ts";
export type { PolicyReaders } from "../../policy/readers.ts";
export type { RunTransport, TransportPolicy } from "../../policy/transport-policy.ts";
export { type AgentMessagesOptions, type AgentModule, agentMessages } from "./module.ts";
export { type AgentSessionOptions, agentSession } from "./socket.ts";
export { type AgentStreamOptions, agentStream } from "./stream.ts";
export { type AgentTicketsOptions, agentTickets } from "./tickets.ts";
