import type { HelloMessage, WelcomeMessage } from "@plexline/protocol";
import type { Credentials } from "../auth/authenticator.ts";
import type { Limits } from "../platform/limits.ts";
import type { TopicRegistry } from "../router/topic-registry.ts";
import type { Session } from "./session.ts";

/** What a client has shown by now: a token in hello goes before what came with the upgrade. */
export function credentialsOf(hello: HelloMessage, upgrade: Credentials): Credentials {
  return hello.token === undefined ? upgrade : { ...upgrade, token: hello.token, source: "message" };
}

/** The answer to hello: the session, and all that a client has to know of this server. */
export function welcomeMessage(
  session: Session,
  resumed: boolean,
  limits: Limits,
  registry: TopicRegistry,
): WelcomeMessage {
  const { principal } = session;
  return {
    type: "welcome",
    sessionId: session.sessionId,
    resumed,
    resumeToken: session.resumeToken,
    resumeWindowMs: limits.resumeWindowMs,
    user: principal.id,
    tenant: principal.tenant,
    heartbeatIntervalMs: limits.heartbeatIntervalMs,
    heartbeatDeadlineMs: limits.heartbeatDeadlineMs,
    ...(principal.expiresAtMs === undefined ? {} : { expiresAtMs: principal.expiresAtMs }),
    limits: {
      messageBytesMax: limits.messageBytesMax,
      subscriptionsMax: limits.subscriptionsMax,
      messagesPerSecondMax: limits.messagesPerSecondMax,
    },
    topics: registry.descriptions,
  };
}
