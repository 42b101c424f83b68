/** Tells a client what became of one of its updates: it is saved, or it was refused. */
export type Answer = (isSaved: boolean) => void;

/**
 * One request of the room for what it lacks, sent to several addresses as SyncStep1. The room knows of one answer. Only if that
 * one, which is sent first, is settled without an error is everything durable that the request took for known, and an
 * answer by itself says that all its sender has is durable.
 */
export interface Round {
  readonly stateVector: Uint8Array;
  hasAnchor: boolean;
  isBroken: boolean;
}

export function createRound(stateVector: Uint8Array): Round {
  return { stateVector, hasAnchor: false, isBroken: false };
}

/** What one address is still to be told. */
export interface Account {
  readonly answer: Answer;
  /** Updates that the room has lost count of: they are saved once an answer to a round is. */
  owed: number;
  /** The client has begun a sync, and the answer that completes it has not been settled. */
  isSyncDue: boolean;
  /** Rises with each sync that the client begins, with which its own count begins anew. */
  sync: number;
}

export function createAccount(answer: Answer): Account {
  return { answer, owed: 0, isSyncDue: false, sync: 0 };
}

/** A counted message on its way, until it is settled. */
export interface Parcel {
  readonly account: Account;
  /** The sync of its client that it came in. */
  readonly sync: number;
  /** What it answers; null for an update. */
  readonly round: Round | null;
  readonly isAnchor: boolean;
  /** Whether a status is owed for it. */
  readonly isCounted: boolean;
  state: "sent" | "taken" | "refused" | "uncounted" | "owed";
  /** Something that had been taken was lost: that its number is acknowledged does not make it durable. */
  isDoubtful: boolean;
}

/**
 * The updates of all addresses of one subscription between the room and their SyncStatus. The room numbers what it counts,
 * and `acked` speaks of these numbers; which messages it has counted shows only by its answers, so a number is given to the oldest
 * one alone, when its answer is known. Nothing is told as saved that a crash could lose.
 */
export class Settlements {
  #parcels: Parcel[] = [];
  /** Numbers that have been given, and those that are settled. */
  #given = 0;
  #acked = 0;

  /** Messages that wait to be settled. */
  get waiting(): number {
    return this.#parcels.length;
  }

  /** Whether something of the account cannot be settled but by an answer to a round. */
  needsRound(account: Account): boolean {
    return account.owed > 0 || account.isSyncDue || this.#parcels.some((one) => one.account === account);
  }

  /** The client begins a sync: it expects one status for all that it has, and none any more for what it sent before. */
  beginSync(account: Account): void {
    account.sync += 1;
    account.owed = 0;
    account.isSyncDue = true;
  }

  /** An update is about to be sent to the room. */
  sendUpdate(account: Account, isCounted = true): Parcel {
    return this.#send(account, null, false, isCounted);
  }

  /** An answer to a round is about to be sent to the room. */
  sendAnswer(account: Account, round: Round): Parcel {
    const isAnchor = !round.hasAnchor;
    round.hasAnchor = true;
    return this.#send(account, round, isAnchor, true);
  }

  taken(parcel: Parcel): void {
    if (parcel.state === "sent") parcel.state = "taken";
    this.#advance();
  }

  /** The room has refused a message. What it never counted has no number. */
  refused(parcel: Parcel, { wasCounted }: { readonly wasCounted: boolean }): void {
    const { account, round, sync } = parcel;
    if (parcel.state === "owed" && sync === account.sync) account.owed = Math.max(0, account.owed - 1);
    parcel.state = wasCounted ? "refused" : "uncounted";
    if (parcel.isAnchor && round) round.isBroken = true;
    if (sync === account.sync && parcel.isCounted) {
      if (round === null) account.answer(false);
      else if (account.isSyncDue) account.answer(false);
    }
    this.#advance();
  }

  /** All numbers up to this one are settled. */
  acknowledge(acked: number): void {
    this.#acked = Math.max(this.#acked, acked);
    this.#advance();
  }

  /** Something that had been taken is lost, and nobody can tell what: what waits is not settled by its number. */
  doubt(): void {
    for (const parcel of this.#parcels) {
      parcel.isDoubtful = true;
      if (parcel.isAnchor && parcel.round) parcel.round.isBroken = true;
    }
  }

  /** The subscription begins anew, and with it the room's numbers: what waits will never be acknowledged. */
  restart(): void {
    this.doubt();
    for (const parcel of this.#parcels)
      if (parcel.state === "sent" || parcel.state === "taken") this.#owe(parcel);
    this.#parcels = [];
    this.#given = 0;
    this.#acked = 0;
  }

  /** An address is gone: nothing is told to it any more. */
  leave(account: Account): void {
    account.sync += 1;
    account.owed = 0;
    account.isSyncDue = false;
  }

  #send(account: Account, round: Round | null, isAnchor: boolean, isCounted: boolean): Parcel {
    const { sync } = account;
    const parcel: Parcel = { account, sync, round, isAnchor, isCounted, state: "sent", isDoubtful: false };
    this.#parcels.push(parcel);
    return parcel;
  }

  #advance(): void {
    for (let first = this.#parcels[0]; first && first.state !== "sent"; first = this.#parcels[0]) {
      const isNumbered = first.state !== "uncounted";
      if (isNumbered && this.#given + 1 > this.#acked) return;
      if (isNumbered) this.#given += 1;
      this.#parcels.shift();
      if (first.state === "taken") this.#settle(first);
    }
  }

  #settle(parcel: Parcel): void {
    const { account, round } = parcel;
    if (parcel.sync !== account.sync) return;
    if (round !== null) {
      if (!parcel.isDoubtful && !round.isBroken) this.#prove(account);
    } else if (parcel.isDoubtful) this.#owe(parcel);
    else if (parcel.isCounted) account.answer(true);
  }

  #owe(parcel: Parcel): void {
    const { account, round, sync, isCounted } = parcel;
    if (round !== null || !isCounted || sync !== account.sync) return;
    parcel.state = "owed";
    account.owed += 1;
  }

  /** All that the client had when it answered is durable: what it sent before that, and what its sync was about. */
  #prove(account: Account): void {
    const saved = account.owed + (account.isSyncDue ? 1 : 0);
    account.owed = 0;
    account.isSyncDue = false;
    for (let count = saved; count > 0; count -= 1) account.answer(true);
  }
}
