import { createHmac, timingSafeEqual } from "node:crypto";
import { PlexlineError, TOKEN_BYTES_MAX } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Principal } from "./principal.ts";
import { decodeTicketBody, encodeTicketBody, type TicketBody, ticketPrincipal } from "./ticket-body.ts";
import type { TicketKey, TicketKeys } from "./ticket-keys.ts";

/** A ticket as it is handed out. */
export interface IssuedTicket {
  readonly ticket: string;
  readonly expiresAtMs: number;
  /** False: the token's claims were too many, and the ticket has only those that revocations go by. */
  readonly hasAllClaims: boolean;
}

/** Issues and takes tickets: short-lived, signed, for one topic, and for reading it alone. */
export interface Tickets {
  /** Signs one for somebody who may have it; the caller has checked that. It never outlives what the principal came with. */
  issue(principal: Principal, topic: string, ttlMs: number): Promise<IssuedTicket>;
  /** Whom a ticket stands for, within its scope. Rejects with TOKEN_INVALID or TOKEN_EXPIRED, never saying which part was bad. */
  open(ticket: string): Promise<Principal>;
}

/** What every ticket begins with; logs hide whatever does. */
const PREFIX = "plt1.";
const FORM = /^plt1\.([\w-]{1,32})\.([\w-]+)\.([\w-]{43})$/;

/** Whether a text claims to be a ticket. */
export const isTicket = (text: string): boolean => text.startsWith(PREFIX);

/** Tickets in the form `plt1.<key id>.<body>.<HMAC-SHA256 of all before>`, base64url. */
export function createTickets({ keys, clock }: { keys: TicketKeys; clock: Clock }): Tickets {
  return {
    async issue(holder, topic, ttlMs) {
      const key = await keys.current();
      const issuedAtMs = clock.nowMs();
      const expiresAtMs = Math.min(issuedAtMs + ttlMs, holder.expiresAtMs ?? Number.POSITIVE_INFINITY);
      if (expiresAtMs <= issuedAtMs) throw new PlexlineError("TOKEN_EXPIRED");
      const { principal, hasAllClaims } = ticketPrincipal(holder, topic, expiresAtMs);
      const body = encodeTicketBody({ principal, issuedAtMs }).toString("base64url");
      const signed = `${PREFIX}${key.id}.${body}`;
      return { ticket: `${signed}.${signatureOf(signed, key)}`, expiresAtMs, hasAllClaims };
    },
    async open(ticket) {
      const { principal } = await verify(ticket);
      if (clock.nowMs() < principal.expiresAtMs) return principal;
      throw new PlexlineError("TOKEN_EXPIRED", {
        message: "The ticket has expired.",
        fix: "Ask for another one with the token.",
      });
    },
  };

  async function verify(ticket: string): Promise<TicketBody> {
    const [, id = "", body = "", signature = ""] =
      (ticket.length <= TOKEN_BYTES_MAX && FORM.exec(ticket)) || [];
    const key = id === "" ? null : await keys.find(id);
    if (key === null) throw refusal();
    const signed = `${PREFIX}${id}.${body}`;
    // The texts are compared, not the bytes that they stand for: two texts may stand for the same bytes.
    if (!timingSafeEqual(Buffer.from(signatureOf(signed, key)), Buffer.from(signature))) throw refusal();
    try {
      return decodeTicketBody(Buffer.from(body, "base64url"));
    } catch {
      throw refusal();
    }
  }
}

function signatureOf(signed: string, { secret }: TicketKey): string {
  return createHmac("sha256", Buffer.from(secret, "base64url")).update(signed).digest("base64url");
}

function refusal(): PlexlineError {
  return new PlexlineError("TOKEN_INVALID", {
    message: "The ticket is not good here.",
    fix: "Ask this server, or another one on the same storage, for a ticket.",
  });
}
