import { PlexlineError } from "@plexline/protocol";
import type { Principal } from "../auth/principal.ts";
import type { Encoder } from "../broker/publication.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Limits } from "../platform/limits.ts";
import type { Random } from "../platform/random.ts";
import type { Router } from "../router/router.ts";
import type { Connection } from "./connection.ts";
import { mayResume } from "./resume.ts";
import { Session } from "./session.ts";

/** Entropy of a resume token: it is a secret. */
const RESUME_TOKEN_BYTES = 24;
const SESSION_ID_BYTES = 12;

export interface SessionsParts {
  readonly router: Router;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
}

/** The sessions of this node: opens, resumes, detaches and ends them, and counts what a user holds. */
export class Sessions {
  readonly #parts: SessionsParts;
  readonly #byId = new Map<string, Session>();
  readonly #byResumeToken = new Map<string, Session>();
  /** Sessions without a connection, oldest first, each with the timer that ends it. */
  readonly #detached = new Map<Session, Timer>();
  readonly #connectionsByUser = new Map<string, number>();

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#byId.size;
  }

  get userCount(): number {
    return this.#connectionsByUser.size;
  }

  all(): Iterable<Session> {
    return this.#byId.values();
  }

  byId(sessionId: string): Session | undefined {
    return this.#byId.get(sessionId);
  }

  /**
   * Attaches a connection to the session whose secret it knows, or to a new one. The session's earlier connection, if
   * it is still open, is replaced. Throws CONNECTIONS_MAX.
   */
  attach(
    connection: Connection,
    principal: Principal,
    encoder: Encoder,
    resumeToken?: string,
  ): { session: Session; resumed: boolean } {
    const found = resumeToken === undefined ? undefined : this.#byResumeToken.get(resumeToken);
    const earlier = found && mayResume(found.principal, principal) ? found : undefined;
    if (earlier?.connection) this.#loseConnection(earlier);
    if (this.#connectionsOf(principal) >= this.#parts.limits.connectionsPerUserMax)
      throw new PlexlineError("CONNECTIONS_MAX");
    const session = earlier ?? this.#create(principal, encoder);
    if (earlier) this.#renew(earlier, principal);
    session.connection = connection;
    this.#countConnection(principal, 1);
    return { session, resumed: earlier !== undefined };
  }

  /** The connection is gone. The session waits to be resumed, unless it said goodbye. */
  detach(session: Session, connection: Connection, isGoodbye: boolean): void {
    if (session.connection !== connection) return;
    session.connection = null;
    this.#countConnection(session.principal, -1);
    const isOver = !this.#byId.has(session.sessionId);
    if (isGoodbye || isOver || this.#parts.limits.resumeWindowMs === 0) {
      this.end(session);
      return;
    }
    this.#parts.router.subscriptions.setAttached(session, false);
    const timer = this.#parts.clock.setTimer(() => this.end(session), this.#parts.limits.resumeWindowMs);
    this.#detached.set(session, timer);
    if (this.#detached.size > this.#parts.limits.detachedSessionsMax) {
      const [oldest] = this.#detached.keys();
      if (oldest) this.end(oldest);
    }
  }

  /** The session is over. */
  end(session: Session): void {
    this.#detached.get(session)?.cancel();
    this.#detached.delete(session);
    this.#byId.delete(session.sessionId);
    this.#byResumeToken.delete(session.resumeToken);
    if (session.connection) {
      session.connection = null;
      this.#countConnection(session.principal, -1);
    }
    this.#parts.router.subscriptions.endSession(session);
  }

  #create(principal: Principal, encoder: Encoder): Session {
    const { random } = this.#parts;
    const session = new Session(
      random.id(SESSION_ID_BYTES),
      random.id(RESUME_TOKEN_BYTES),
      principal,
      encoder,
    );
    this.#byId.set(session.sessionId, session);
    this.#byResumeToken.set(session.resumeToken, session);
    return session;
  }

  #renew(session: Session, principal: Principal): void {
    this.#detached.get(session)?.cancel();
    this.#detached.delete(session);
    this.#byResumeToken.delete(session.resumeToken);
    session.resumeToken = this.#parts.random.id(RESUME_TOKEN_BYTES);
    this.#byResumeToken.set(session.resumeToken, session);
    session.principal = principal;
    this.#parts.router.subscriptions.setAttached(session, true);
  }

  /** The client is back on another connection before the old one was known to be dead. */
  #loseConnection(session: Session): void {
    const old = session.connection;
    session.connection = null;
    this.#countConnection(session.principal, -1);
    this.#parts.router.subscriptions.setAttached(session, false);
    old?.fail(new PlexlineError("RESYNC", { message: "The session went on over a newer connection." }), 4409);
  }

  #connectionsOf(principal: Principal): number {
    return this.#connectionsByUser.get(userKey(principal)) ?? 0;
  }

  #countConnection(principal: Principal, change: 1 | -1): void {
    const key = userKey(principal);
    const count = (this.#connectionsByUser.get(key) ?? 0) + change;
    if (count > 0) this.#connectionsByUser.set(key, count);
    else this.#connectionsByUser.delete(key);
  }
}

function userKey(principal: Principal): string {
  return `${principal.tenant}/${principal.kind}/${principal.id}`;
}
