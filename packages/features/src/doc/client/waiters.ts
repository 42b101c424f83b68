import type { PlexlineError } from "@plexline/protocol";

/** Whether what somebody waits for is there, or why it never will be. */
export interface Outlook {
  readonly done: boolean;
  readonly error: PlexlineError | undefined;
}

/** Promises of a state that is reached, or cannot be reached any more. */
export class Waiters {
  readonly #checks = new Set<() => boolean>();

  until(look: () => Outlook): Promise<void> {
    return new Promise((resolve, reject) => {
      const isSettled = (): boolean => {
        const { done, error } = look();
        if (done) resolve();
        else if (error !== undefined) reject(error);
        return done || error !== undefined;
      };
      if (!isSettled()) this.#checks.add(isSettled);
    });
  }

  check(): void {
    for (const isSettled of this.#checks) if (isSettled()) this.#checks.delete(isSettled);
  }
}
