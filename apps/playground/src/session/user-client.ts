import { type Client, type ConnectionStatus, createClient } from "@plexline/client";
import type { ErrorBody } from "@plexline/protocol";
import type { ReadonlySignal } from "@preact/signals";
import { signal } from "@preact/signals";
import type { Person } from "./person.ts";
import type { TokenNotice } from "./token-source.ts";
import { createTokenSource } from "./token-source.ts";
import type { DescribeBinary, WireRows } from "./wire-rows.ts";
import { appendWire, clearWire, EMPTY_WIRE } from "./wire-rows.ts";

/** A person who goes offline to try it out expects what they wrote to be there when they come back. */
const QUEUE_AGE_MAX_MS = 60 * 60_000;

/** Where the native protocol is spoken. */
export const SOCKET_URL = "/ws";

/** One user's line to the server: everything a pane shows of it, as signals, and everything it can do to it. */
export interface UserLine {
  readonly person: Person;
  readonly status: ReadonlySignal<ConnectionStatus>;
  /** Why the connection was lost, until there is one again. */
  readonly lost: ReadonlySignal<ErrorBody | null>;
  readonly wire: ReadonlySignal<WireRows>;
  readonly tokenNotice: ReadonlySignal<TokenNotice | null>;
  drop(): void;
  goOffline(): void;
  goOnline(): void;
  expireToken(): void;
  dismissTokenNotice(): void;
  clearWire(): void;
}

/**
 * Connects a user: a client, a token and a connection of their own. `close` ends the line for good. Each page adds the features
 * that it needs, so that nobody loads those of the others.
 */
export function createUserClient(
  person: Person,
  describeBinary?: DescribeBinary,
): { readonly client: Client; readonly line: UserLine; close(): void } {
  const tokens = createTokenSource(person);
  const client = createClient({
    url: SOCKET_URL,
    token: tokens.ask,
    name: "plexline-playground",
    queue: { ageMaxMs: QUEUE_AGE_MAX_MS },
  });
  const status = signal(client.status);
  const lost = signal<ErrorBody | null>(null);
  const wire = signal(EMPTY_WIRE);
  const stops = [
    client.on("status", (next) => {
      status.value = next;
      // While it tries again the reason stays what it was.
      if (next.state !== "connecting")
        lost.value = next.state === "disconnected" ? (next.reason ?? null) : null;
    }),
    client.on("wire", (event) => {
      wire.value = appendWire(wire.value, event, describeBinary);
    }),
  ];
  const line: UserLine = {
    person,
    status,
    lost,
    wire,
    tokenNotice: tokens.notice,
    drop: () => client.drop(),
    goOffline: () => client.disconnect(),
    goOnline: () => client.connect(),
    expireToken() {
      tokens.shortenNext();
      client.drop();
    },
    dismissTokenNotice: tokens.dismissNotice,
    clearWire() {
      wire.value = clearWire(wire.value);
    },
  };
  return {
    client,
    line,
    close() {
      for (const stop of stops) stop();
      client.close();
    },
  };
}
