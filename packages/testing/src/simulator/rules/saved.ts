import { applyUpdate, Doc, getState } from "yjs";
import type { Evidence } from "../checker.ts";
import { textOf } from "../documents/edits.ts";
import { isDeleted, type LoggedUpdate } from "../documents/log.ts";
import type { Claim } from "../documents/seat.ts";

export function* checkSaved({ history, end }: Evidence): Generator<string> {
  for (const [topic, log] of end.documents) {
    const durable = new Durable(log);
    let saved = "";
    for (const happening of history.happenings) {
      if (happening.kind !== "saved" || happening.document.topic !== topic) continue;
      const { claim, document, atMs } = happening;
      durable.growTo(claim.entries);
      saved += claim.tokens;
      for (const missing of durable.missing(claim))
        yield `${document.client}/${topic} said at ${atMs} that all is saved, and ${missing} was not in the log`;
    }
    durable.growTo(log.length);
    const text = new Set(textOf(durable.doc));
    for (const token of saved)
      if (!text.has(token) && !history.documents.deleted.has(token))
        yield `${token} was saved in ${topic}, nobody deleted it, and it is not there`;
  }
}

/** The document that the first entries of a log make. */
class Durable {
  readonly doc = new Doc();
  readonly #log: readonly LoggedUpdate[];
  #entries = 0;

  constructor(log: readonly LoggedUpdate[]) {
    this.#log = log;
  }

  growTo(entries: number): void {
    for (const { update } of this.#log.slice(this.#entries, entries)) applyUpdate(this.doc, update);
    this.#entries = Math.max(this.#entries, entries);
  }

  *missing({ clocks, deletions }: Claim): Generator<string> {
    for (const [client, clock] of clocks) {
      const there = getState(this.doc.store, client);
      if (there < clock) yield `what it wrote as ${client}:${there} to ${clock}`;
    }
    for (const range of deletions)
      if (!isDeleted(this.doc, range))
        yield `its deletion of ${range.length} at ${range.client}:${range.clock}`;
  }
}
