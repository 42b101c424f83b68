import type { BinaryMessage, ServerMessage, SubscribeResult } from "@plexline/protocol";
import type { EndpointSession, OutboxPolicy, UpgradeRequest } from "@plexline/server";

type Frame = string | Uint8Array;
type Translate = (message: ServerMessage | BinaryMessage) => Frame | null;

/** How the engine answers. */
interface Script {
  readonly operations: readonly string[];
  subscribe(topic: string): Promise<void>;
  sendBinary(kind: number, payload: Uint8Array): Promise<void>;
}

/** An endpoint's session without an engine: it does what the script says, and keeps what the endpoint did. */
export interface ScriptedSession {
  readonly ws: EndpointSession;
  readonly script: Script;
  /** Topics subscribed to. */
  readonly subscribed: string[];
  /** What went to the client, and by which policies where one was given. */
  readonly sent: Frame[];
  readonly policies: OutboxPolicy[];
  /** Kinds and payloads of what went to the room. */
  readonly forwarded: [number, Uint8Array][];
  readonly closed: [number, string][];
  /** What a message of the topic becomes. */
  translate: Translate;
}

export function createScriptedSession(
  request: Pick<UpgradeRequest, "params">,
  changes: Partial<Script> = {},
): ScriptedSession {
  const script: Script = {
    operations: ["subscribe", "publish", "presence"],
    subscribe: async () => {},
    sendBinary: async () => {},
    ...changes,
  };
  let translate: Translate = () => null;
  const session = {
    script,
    subscribed: [] as string[],
    sent: [] as Frame[],
    policies: [] as OutboxPolicy[],
    forwarded: [] as [number, Uint8Array][],
    closed: [] as [number, string][],
    translate: (message: ServerMessage | BinaryMessage) => translate(message),
  };
  const ws: Partial<EndpointSession> = {
    id: "connection",
    request: request as UpgradeRequest,
    data: {},
    send(message, policy) {
      session.sent.push(message);
      if (policy) session.policies.push(policy);
    },
    close: (code, reason) => void session.closed.push([code, reason]),
    async subscribe(topic, options): Promise<SubscribeResult> {
      session.subscribed.push(topic);
      translate = options.translate;
      await script.subscribe(topic);
      const { operations } = script;
      return { topic, alias: 7, role: "x", operations, position: null, head: 0, recovered: false };
    },
    sendBinary(_topic, kind, payload) {
      session.forwarded.push([kind, payload]);
      return script.sendBinary(kind, payload);
    },
  };
  return { ...session, ws: ws as EndpointSession };
}
