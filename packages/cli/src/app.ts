import { combined } from "@plexline/features/doc/combined";
import { draft } from "@plexline/features/doc/draft";
import { fabric } from "@plexline/features/doc/fabric";
import { hocuspocus } from "@plexline/features/doc/hocuspocus";
import { documentsApi } from "@plexline/features/doc/http";
import { yWebsocket } from "@plexline/features/doc/y-websocket";
import { channel, doc, run, steps, stream } from "@plexline/features/server";
import { agent, workflow } from "@plexline/features/stream/agent";
import { type DurableStreamsOptions, durableStreams } from "@plexline/features/stream/durable";
import { streamsApi } from "@plexline/features/stream/http";
import {
  type AgentStreamOptions,
  agentMessages,
  agentSession,
  agentStream,
  agentTickets,
  type TransportPolicyOptions,
  transportPolicy,
} from "@plexline/features/stream/session";
import type { Endpoint, Feature } from "@plexline/server";
import type { StandardSchemaV1 } from "@standard-schema/spec";

/** Takes whatever JSON comes. */
const anyJson: StandardSchemaV1<unknown> = {
  "~standard": { version: 1, vendor: "plexline", validate: (value) => ({ value }) },
};

/**
 * What `plexline dev` and `plexline start` serve when there is no `plexline.config`: documents, runs of agents and workflows,
 * streams, and rooms that take any event, remember the last thousand for a week, and know who is there.
 */
export const defaultTopics = {
  doc: doc("doc:{name}"),
  steps: steps("steps:{name}"),
  run: run("run:{id}"),
  stream: stream("stream:{path}"),
  room: channel("room:{id}", {
    presence: true,
    state: true,
    ephemeral: { typing: anyJson, cursor: anyJson },
    history: { entriesMax: 1_000, ageMaxMs: 7 * 24 * 3_600_000 },
  }),
} satisfies Record<string, Feature>;

/** What the commands set differently from each other. */
export interface DefaultEndpointsOptions {
  readonly durable?: DurableStreamsOptions;
  readonly stream?: Pick<AgentStreamOptions, "longPollTimeoutMs">;
  readonly policy?: TransportPolicyOptions;
}

/**
 * The paths of other wires that both commands serve, and the topic in which they keep the policy about transports. A document `x` of theirs is `doc:x` natively, a stream `x` is `stream:x`, and `runs/x` and the session `x` are `run:x`.
 */
export function createDefaultEndpoints({
  durable = {},
  stream = {},
  policy = {},
}: DefaultEndpointsOptions = {}): {
  readonly endpoints: readonly Endpoint[];
  readonly endpointTopics: Readonly<Record<string, Feature>>;
} {
  const transports = transportPolicy(policy);
  const { readers } = transports;
  return {
    endpointTopics: { transports: transports.topic },
    endpoints: [
      yWebsocket(),
      hocuspocus(),
      agent(),
      workflow(),
      agentSession({ readers }),
      agentStream({ ...stream, readers }),
      agentTickets(),
      transports.endpoint,
      combined({ modules: [agentMessages()] }),
      draft(),
      fabric(),
      ...documentsApi(),
      ...durableStreams(durable),
      ...streamsApi(),
    ],
  };
}

/** The type for `createClient<DefaultApp>()`. */
export type DefaultApp = { readonly topics: typeof defaultTopics };
