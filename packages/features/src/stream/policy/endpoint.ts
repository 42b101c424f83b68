import { PlexlineError, parseJson } from "@plexline/protocol";
import type { Endpoint, Principal, RequestContext } from "@plexline/server";
import { readBody } from "../../http/body.ts";
import { failureResponse, HttpRefusal } from "../../http/failure.ts";
import { type StreamFeature, stream } from "../server.ts";
import { newestPolicy, PolicyKeeper } from "./keeper.ts";
import { PolicyReaders } from "./readers.ts";
import {
  chooseTransport,
  DEFAULT_TRANSPORT_POLICY,
  parseTransportPolicy,
  type TransportPolicy,
} from "./transport-policy.ts";

export interface TransportPolicyOptions {
  /** In force until somebody sets another one; its version is 0. Default: all transports, WebSocket for everybody. */
  readonly initial?: Partial<Omit<TransportPolicy, "version">>;
  /** Where it is read and set. Default `/api/stream/policy`. */
  readonly path?: `/${string}`;
  /** How long readers have to leave a transport that is switched off, in milliseconds. Default 5,000. */
  readonly graceMs?: number;
  /** Who may set it. Default: administrators. */
  readonly mayChange?: (principal: Principal) => boolean;
}

/** Which transports readers of runs use, and how many of them; see SESSION.md. */
export interface ServedTransportPolicy {
  /** The topic that keeps it: one of the server's `topics`, under any name. Nobody but the server itself has access. */
  readonly topic: StreamFeature<typeof TEMPLATE>;
  /** Reads and sets it: one of the server's `endpoints`. */
  readonly endpoint: Endpoint;
  /** For `agentSession({ readers })` and `agentStream({ readers })`. */
  readonly readers: PolicyReaders;
  /** The policy that is in force on this node. */
  readonly current: TransportPolicy;
}

const TEMPLATE = "transport-policy:{name}";
const TOPIC = "transport-policy:runs";
const GRACE_MS = 5_000;
const BODY_BYTES_MAX = 4_096;
const DEPTH_MAX = 4;
/** What is kept of policies that were replaced. */
const HISTORY = { entriesMax: 100 };

/**
 * A policy about the transports of runs, for a migration without downtime: everybody is told when it changes, readers go over to
 * what they are to use without missing anything, and what is switched off is refused. It outlives restarts, and is the same on all
 * nodes.
 *
 * @throws PlexlineError PAYLOAD_INVALID for an initial policy that is none.
 * @example
 * const { topic, endpoint, readers } = transportPolicy({ initial: { preferred: "websocket", percent: 5 } });
 * const app = createServer({
 *   topics: { run: run("run:{id}"), policy: topic },
 *   endpoints: [agentSession({ readers }), agentStream({ readers }), endpoint],
 *   auth,
 * });
 */
export function transportPolicy(options: TransportPolicyOptions = {}): ServedTransportPolicy {
  const { initial, path = "/api/stream/policy", graceMs = GRACE_MS } = options;
  const { mayChange = ({ kind }) => kind === "admin" } = options;
  const keeper = new PolicyKeeper(
    TOPIC,
    parseTransportPolicy({ ...DEFAULT_TRANSPORT_POLICY, ...initial, version: 0 }),
  );
  const readers = new PolicyReaders(keeper, graceMs);
  return {
    topic: stream(TEMPLATE, { authorize: () => false, fold: newestPolicy, history: HISTORY }),
    readers,
    get current() {
      return keeper.current;
    },
    endpoint: {
      path,
      start: (host) => readers.start(host),
      async onRequest(request, context) {
        try {
          return await answer(request, context, keeper, mayChange);
        } catch (error) {
          // What is no PlexlineError here is a fault of this code: the server logs it, and answers 500.
          if (!(error instanceof PlexlineError)) throw error;
          const fields = error.code === "RESYNC" ? { policy: keeper.current } : {};
          return failureResponse(error, { fields });
        }
      },
    },
  };
}

async function answer(
  request: Request,
  context: RequestContext,
  keeper: PolicyKeeper,
  mayChange: (principal: Principal) => boolean,
): Promise<Response> {
  const principal = await context.authenticate();
  await keeper.loaded;
  if (request.method === "GET") return told(keeper.current, principal);
  if (request.method !== "PUT")
    throw new HttpRefusal(405, "OPERATION_UNSUPPORTED", {
      message: "This method is not served here.",
      fix: "Use GET or PUT.",
      headers: { Allow: "GET, PUT" },
    });
  if (!mayChange(principal)) throw new PlexlineError("FORBIDDEN");
  const body = await readBody(request, { bytesMax: BODY_BYTES_MAX });
  const given = parseTransportPolicy(parseJson(new TextDecoder().decode(body), { depthMax: DEPTH_MAX }));
  return told(await keeper.replace(given), principal);
}

/** The policy, and what it means for whoever asks. */
function told(policy: TransportPolicy, { id }: Principal): Response {
  const transport = chooseTransport(policy, { user: id });
  return Response.json({ policy, transport, user: id }, { headers: { "Cache-Control": "no-store" } });
}
