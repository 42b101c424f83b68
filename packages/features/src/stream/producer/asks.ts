import type { PlexlineError } from "@plexline/protocol";
import type { InputRequest } from "../protocol.ts";
import type { StreamTransport } from "../transport.ts";
import type { ProducerRequest } from "./inbox.ts";

/** How an input request is made. */
export interface AskOptions {
  /** Its id. A process that takes over asks under the same one, and is given an answer that came meanwhile. Default: random. */
  readonly id?: string;
  /** JSON Schema of the answer, for those who render a form. */
  readonly schema?: unknown;
  /** Time for an answer, in milliseconds. Default: until the stream closes. */
  readonly expiresInMs?: number;
}

/** What came of an input request. */
export type AskAnswer =
  | { readonly status: "answered"; readonly data: unknown; readonly user?: string }
  | { readonly status: "declined"; readonly user?: string }
  | { readonly status: "expired" };

interface Open {
  readonly promise: Promise<AskAnswer>;
  readonly resolve: (answer: AskAnswer) => void;
  readonly reject: (error: PlexlineError) => void;
  readonly timer: { cancel(): void } | null;
}

/** Input requests of one producer that wait for their answer. */
export class Asks {
  readonly #open = new Map<string, Open>();
  readonly #transport: StreamTransport;
  readonly #pending: () => Promise<void>;

  /** `pending` looks for answers that have been given and not been seen yet. */
  constructor({ transport, pending }: { transport: StreamTransport; pending(): Promise<void> }) {
    this.#transport = transport;
    this.#pending = pending;
  }

  open({ id, expiresAtMs }: InputRequest): Promise<AskAnswer> {
    const known = this.#open.get(id);
    if (known !== undefined) return known.promise;
    const { clock } = this.#transport;
    const timer =
      expiresAtMs === undefined
        ? null
        : clock.setTimer(() => void this.#expire(id), Math.max(0, expiresAtMs - clock.nowMs()));
    let resolve!: Open["resolve"];
    let reject!: Open["reject"];
    const promise = new Promise<AskAnswer>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    this.#open.set(id, { promise, resolve, reject, timer });
    return promise;
  }

  /** Takes an answer; false if nobody here has asked. */
  answer({ ask, status, data, user }: ProducerRequest): boolean {
    const open = ask === undefined ? undefined : this.#open.get(ask);
    if (ask === undefined || open === undefined) return false;
    this.#open.delete(ask);
    open.timer?.cancel();
    const by = user === undefined ? {} : { user };
    open.resolve(status === "declined" ? { status, ...by } : { status: "answered", data, ...by });
    return true;
  }

  withdraw(id: string, error: PlexlineError): void {
    const open = this.#open.get(id);
    this.#open.delete(id);
    open?.timer?.cancel();
    open?.reject(error);
  }

  end(error: PlexlineError): void {
    for (const id of [...this.#open.keys()]) this.withdraw(id, error);
  }

  /** The time is over, but an answer may have been in time and be on its way. */
  async #expire(id: string): Promise<void> {
    await this.#pending().catch(() => {});
    const open = this.#open.get(id);
    this.#open.delete(id);
    open?.resolve({ status: "expired" });
  }
}
