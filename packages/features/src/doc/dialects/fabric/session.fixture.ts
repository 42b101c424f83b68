import { type ErrorCode, PlexlineError, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { createScriptedSession, type ScriptedSession } from "../scripted-session.fixture.ts";
import { type FabricOptions, fabric } from "./endpoint.ts";

/** The topics of the document `plan`, which scripted connections are about. */
export const TOPIC = "doc:plan";
export const STEPS_TOPIC = "steps:plan";
export const ALIAS = 7;
export const DENIED = { type: "error", message: "Access denied" };
export const bytes = (...values: number[]) => Uint8Array.from(values);
export const refused = (code: ErrorCode) => Promise.reject(new PlexlineError(code));

interface Connecting {
  readonly query?: string;
  readonly options?: FabricOptions;
  readonly script?: Partial<ScriptedSession["script"]>;
  /** The steps topic; without it there is none. */
  readonly steps?: ScriptedSteps;
  /** Called with the session before it connects. */
  readonly onSession?: (session: ScriptedSession) => void;
}

/** A steps room that does what a test says. */
interface ScriptedSteps {
  readonly snapshot?: unknown;
  subscribe?(): Promise<void>;
  call?(command: string, input: unknown): unknown;
}

/** Connects a scripted session to the endpoint, as the engine would. */
export async function connect({
  query = "documentId=plan&clientID=a",
  options,
  script = {},
  steps,
  onSession,
}: Connecting = {}) {
  const endpoint = fabric(options ?? (steps ? {} : { stepsTopic: null }));
  const request = { params: {}, query: new URLSearchParams(query) };
  const scripted = createScriptedSession(request, script);
  onSession?.(scripted);
  /** Commands and their inputs. */
  const called: [string, unknown][] = [];
  const session = { ...scripted, ws: withSteps(scripted.ws, steps ?? {}, called) };
  await endpoint.onConnect?.(session.ws, session.ws.request);
  const hear = (message: unknown) =>
    endpoint.onMessage?.(session.ws, message instanceof Uint8Array ? message : textOf(message));
  const say = (type: string, data?: unknown, more: object = {}) =>
    hear({ type, documentId: "plan", clientID: "a", ...(data === undefined ? {} : { data }), ...more });
  /** What the engine does with a message of the room. */
  const tell = (
    message: ServerMessage | { alias: number; kind: number; payload: Uint8Array },
    topic = TOPIC,
  ) => {
    const translated = session.translateOf(topic, message);
    if (translated !== null) session.sent.push(translated);
  };
  const push = (kind: number, payload: Uint8Array, topic = TOPIC) =>
    tell({ alias: ALIAS, kind, payload }, topic);
  const end = (code: ErrorCode) =>
    tell({ type: "unsubscribed", topic: TOPIC, error: new PlexlineError(code).toBody() });
  /** Everything sent, as objects. */
  const received = () => session.sent.map((frame) => JSON.parse(String(frame)));
  /** What was sent after `connected`. */
  const heard = () => received().slice(1);
  return { ...session, called, endpoint, hear, say, tell, push, end, received, heard };
}

/** A session whose steps topic is scripted. */
function withSteps(ws: EndpointSession, steps: ScriptedSteps, called: [string, unknown][]): EndpointSession {
  return {
    ...ws,
    async subscribe(topic, options) {
      const result = await ws.subscribe(topic, options);
      if (topic !== STEPS_TOPIC) return result;
      await steps.subscribe?.();
      const snapshot = "snapshot" in steps ? steps.snapshot : { head: 0 };
      return { ...result, position: { epoch: "e", offset: 0 }, snapshot };
    },
    async call(_topic, command, input) {
      called.push([command, input]);
      return { output: await steps.call?.(command, input) };
    },
  };
}

const textOf = (message: unknown) => (typeof message === "string" ? message : JSON.stringify(message));
