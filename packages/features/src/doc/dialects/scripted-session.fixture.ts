import type { BinaryMessage, ServerMessage, SubscribeResult } from "@plexline/protocol";
import {
  type EndpointSession,
  type OutboxPolicy,
  type Principal,
  silentLogger,
  type UpgradeRequest,
} from "@plexline/server";

type Frame = string | Uint8Array;
type Translate = (message: ServerMessage | BinaryMessage) => Frame | null;

/** How the engine answers. */
export interface Script {
  readonly operations: readonly string[];
  /** Entries in the log of every topic. */
  readonly head: number;
  subscribe(topic: string): Promise<void>;
  sendBinary(kind: number, payload: Uint8Array): Promise<void>;
}

/** An endpoint's session without an engine: it does what the script says, and keeps what the endpoint did. */
export interface ScriptedSession {
  readonly ws: EndpointSession;
  readonly script: Script;
  /** Topics subscribed to. */
  readonly subscribed: string[];
  readonly unsubscribed: string[];
  /** What went to the client, and by which policies where one was given. */
  readonly sent: Frame[];
  readonly policies: OutboxPolicy[];
  /** Kinds and payloads of what went to the room. */
  readonly forwarded: [number, Uint8Array][];
  /** The topics that these went to. */
  readonly addressed: string[];
  readonly closed: [number, string][];
  /** What a message of the topic becomes. */
  translate: Translate;
  /** The same for one of several topics. */
  translateOf(topic: string, message: ServerMessage | BinaryMessage): Frame | null;
}

export function createScriptedSession(
  request: Pick<UpgradeRequest, "params">,
  changes: Partial<Script> = {},
): ScriptedSession {
  const script: Script = {
    operations: ["subscribe", "publish", "presence"],
    head: 0,
    subscribe: async () => {},
    sendBinary: async () => {},
    ...changes,
  };
  let translate: Translate = () => null;
  const translations = new Map<string, Translate>();
  const session = {
    script,
    subscribed: [] as string[],
    unsubscribed: [] as string[],
    sent: [] as Frame[],
    policies: [] as OutboxPolicy[],
    forwarded: [] as [number, Uint8Array][],
    addressed: [] as string[],
    closed: [] as [number, string][],
    translate: (message: ServerMessage | BinaryMessage) => translate(message),
    translateOf: (topic: string, message: ServerMessage | BinaryMessage) =>
      translations.get(topic)?.(message) ?? null,
  };
  const ws: Partial<EndpointSession> = {
    id: "connection",
    request: request as UpgradeRequest,
    data: {},
    principal: { id: "ada", kind: "user", tenant: "default", clearance: 0, claims: {} },
    log: silentLogger,
    send(message, policy) {
      session.sent.push(message);
      if (policy) session.policies.push(policy);
    },
    close: (code, reason) => void session.closed.push([code, reason]),
    authenticate: async () => ws.principal as Principal,
    keepAlive: () => {},
    async subscribe(topic, options): Promise<SubscribeResult> {
      session.subscribed.push(topic);
      translate = typeof options.translate === "function" ? options.translate : options.translate.shared;
      translations.set(topic, translate);
      await script.subscribe(topic);
      const { operations, head } = script;
      return { topic, alias: 7, role: "x", operations, position: null, head, recovered: false };
    },
    unsubscribe(topic) {
      session.unsubscribed.push(topic);
      translations.delete(topic);
    },
    sendBinary(topic, kind, payload) {
      session.forwarded.push([kind, payload]);
      session.addressed.push(topic);
      return script.sendBinary(kind, payload);
    },
  };
  return { ...session, ws: ws as EndpointSession };
}
