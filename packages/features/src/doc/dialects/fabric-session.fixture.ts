import { type ErrorCode, PlexlineError, type ServerMessage } from "@plexline/protocol";
import { type FabricOptions, fabric } from "./fabric.ts";
import { createScriptedSession, type ScriptedSession } from "./scripted-session.fixture.ts";

/** The topic of the document `plan`, which scripted connections are about. */
export const TOPIC = "doc:plan";
export const ALIAS = 7;
export const DENIED = { type: "error", message: "Access denied" };
export const bytes = (...values: number[]) => Uint8Array.from(values);
export const refused = (code: ErrorCode) => Promise.reject(new PlexlineError(code));

interface Connecting {
  readonly query?: string;
  readonly options?: FabricOptions;
  readonly script?: Partial<ScriptedSession["script"]>;
}

/** Connects a scripted session to the endpoint, as the engine would. */
export async function connect({
  query = "documentId=plan&clientID=a",
  options = {},
  script = {},
}: Connecting = {}) {
  const endpoint = fabric(options);
  const request = { params: {}, query: new URLSearchParams(query) };
  const session = createScriptedSession(request, script);
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
  return { ...session, endpoint, hear, say, tell, push, end, received, heard };
}

const textOf = (message: unknown) => (typeof message === "string" ? message : JSON.stringify(message));
