import type { ReadonlySignal } from "@preact/signals";
import { signal } from "@preact/signals";
import type { Person } from "./person.ts";
import { fetchPlaygroundToken } from "./playground-token.ts";

/** Short enough to watch it end, long enough to see what happens. */
export const SHORT_TOKEN_SECONDS = 6;

/** What the page says about a token that is about to end. */
export type TokenNotice =
  | { readonly step: "short"; readonly expiresAtMs: number }
  /** A fresh one was fetched: in band on the open socket, or because a new connection needed it. */
  | { readonly step: "renewed"; readonly inBand: boolean };

export interface TokenSource {
  readonly notice: ReadonlySignal<TokenNotice | null>;
  /** The `token` function of the client. */
  readonly ask: (ask: { readonly reason: string }) => Promise<string>;
  /** The next token ends after a few seconds. */
  shortenNext(): void;
  dismissNotice(): void;
}

/** Fetches a user's tokens, and a short one on demand. */
export function createTokenSource(person: Person): TokenSource {
  const notice = signal<TokenNotice | null>(null);
  let shortNext = false;
  return {
    notice,
    async ask({ reason }) {
      const short = shortNext;
      shortNext = false;
      const { token, expiresAtMs } = await fetchPlaygroundToken(
        person,
        short ? SHORT_TOKEN_SECONDS : undefined,
      );
      if (short) notice.value = { step: "short", expiresAtMs };
      else if (notice.value?.step === "short")
        notice.value = { step: "renewed", inBand: reason === "expiring" };
      return token;
    },
    shortenNext() {
      shortNext = true;
    },
    dismissNotice() {
      notice.value = null;
    },
  };
}
