import { PlexlineError, parseTopic } from "@plexline/protocol";
import type { Authorizer } from "../auth/authorizer.ts";
import type { Principal } from "../auth/principal.ts";
import type { Tickets } from "../auth/tickets.ts";
import type { TicketRequest, TopicTicket } from "../feature/endpoint.ts";
import type { Clock } from "../platform/clock.ts";
import type { Limits } from "../platform/limits.ts";
import { withDeadline } from "../router/deadline.ts";
import type { TopicRegistry } from "../router/topic-registry.ts";
import type { Logger } from "../telemetry/log.ts";

export interface IssueTicketParts {
  readonly tickets: Pick<Tickets, "issue">;
  readonly authorizer: Pick<Authorizer, "authorize">;
  readonly registry: Pick<TopicRegistry, "find">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: Pick<Limits, "handlerTimeoutMs" | "ticketTtlMs" | "ticketTtlMaxMs">;
}

/** Gives a principal a ticket for a topic that it may subscribe to. */
export type IssueTicket = (principal: Principal, request: TicketRequest) => Promise<TopicTicket>;

/** Issues tickets to those who came with a token of their own; tickets do not beget tickets. */
export function createIssueTicket(parts: IssueTicketParts): IssueTicket {
  const { tickets, authorizer, registry, clock, log, limits } = parts;
  return async function issueTicket(principal, request) {
    if (principal.scope !== undefined) {
      throw new PlexlineError("FORBIDDEN", {
        message: "A ticket does not give other tickets.",
        fix: "Ask for a ticket with the token.",
      });
    }
    const ttlMs = parseTtl(request.ttlMs, limits);
    const topic = parseTopic(request.topic, "topic");
    const { feature, params } = registry.find(topic);
    const { operations } = await withDeadline(clock, limits.handlerTimeoutMs, () =>
      authorizer.authorize(principal, feature, topic, params),
    );
    if (!operations.has("subscribe")) throw new PlexlineError("FORBIDDEN");
    const { ticket, expiresAtMs, hasAllClaims } = await tickets.issue(principal, topic, ttlMs);
    const fields = { userId: principal.id, tenant: principal.tenant, topic, expiresAtMs };
    if (hasAllClaims) log.debug({ action: "ticket.issue", ...fields });
    else
      log.warn(
        { action: "ticket.issue", ...fields },
        "The token's claims do not fit: it has none but iat and jti.",
      );
    return { ticket, expiresAtMs };
  };
}

function parseTtl(ttlMs: unknown, { ticketTtlMs, ticketTtlMaxMs }: IssueTicketParts["limits"]): number {
  if (ttlMs === undefined) return Math.min(ticketTtlMs, ticketTtlMaxMs);
  if (typeof ttlMs === "number" && ttlMs >= 1 && ttlMs <= ticketTtlMaxMs) return Math.trunc(ttlMs);
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: `A ticket lives for up to ${ticketTtlMaxMs} milliseconds.`,
    fix: "Ask for a shorter time, or leave it out.",
  });
}
