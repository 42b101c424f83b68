import { PlexlineError } from "@plexline/protocol";
import type { Clock, EndpointSession, Random, RequestContext } from "@plexline/server";
import { STREAM_COMMAND, type StreamCommand, type StreamInfo } from "../../protocol.ts";
import type { LiveLogs } from "./live-events.ts";
import type { Subscriptions } from "./subscriptions/subscriptions.ts";

/** What all requests of one endpoint have in common. */
export interface Settings {
  /** Where the streams are: the path without the final slash. */
  readonly prefix: string;
  /** The topic of a path, as the application maps them. */
  readonly topic: (path: string) => string;
  readonly bodyBytesMax: number;
  readonly pageBytesMax: number;
  readonly longPollTimeoutMs: number;
  readonly rotateMs: number;
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  readonly random: Pick<Random, "next">;
  readonly live: LiveLogs;
  readonly subscriptions: Subscriptions;
}

/** One request on its way to an answer. */
export interface Exchange {
  readonly request: Request;
  readonly context: RequestContext;
  readonly query: URLSearchParams;
  readonly settings: Settings;
  /** After the prefix, decoded. */
  readonly path: string;
  readonly topic: string;
}

/** Calls a stream's command; what it answers is the stream feature's own, so that it need not be checked. */
export async function ask<Output>(
  session: EndpointSession,
  topic: string,
  command: StreamCommand,
  input?: unknown,
): Promise<Output> {
  const { output } = await session.call(topic, command, input);
  return output as Output;
}

/** What a stream is; null if there is none. */
export async function findStream(session: EndpointSession, topic: string): Promise<StreamInfo | null> {
  try {
    return await ask<StreamInfo>(session, topic, STREAM_COMMAND.info);
  } catch (error) {
    if (error instanceof PlexlineError && error.code === "STREAM_ABSENT") return null;
    throw error;
  }
}
