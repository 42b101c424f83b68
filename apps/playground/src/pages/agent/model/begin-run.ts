import { type ErrorBody, PlexlineError } from "@plexline/protocol";

const RUNS_URL = "/playground/runs";

/** How a run is asked for. */
export interface RunWishes {
  readonly id: string;
  /** Decides what is written. */
  readonly seed: number;
  readonly tokensPerSecond: number;
}

/** Has the development server begin a run, or finds it there already. Rejects with a PlexlineError. */
export async function beginRun(wishes: RunWishes): Promise<void> {
  let response: Response;
  try {
    response = await fetch(RUNS_URL, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(wishes),
    });
  } catch {
    throw new PlexlineError("DISCONNECTED", { message: "The server is away.", fix: "Start the run again." });
  }
  if (response.ok) return;
  const body = (await response.json().catch(() => null)) as { readonly error?: ErrorBody } | null;
  if (body?.error) throw PlexlineError.fromBody(body.error);
  throw new PlexlineError("INTERNAL", {
    message: `The server answered ${response.status}.`,
    fix: "Only `plexline dev` begins runs for the playground.",
  });
}
