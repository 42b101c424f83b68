import { PlexlineError } from "@plexline/protocol";
import type { App, Endpoint, Logger } from "@plexline/server";
import { DemoRuns, parseSettings, type RunSettings } from "./runs.ts";

const BODY_BYTES_MAX = 4_096;
const ID = /^[\p{L}\p{N}_-][\p{L}\p{N}._-]{0,47}$/u;

/** What begins demonstration runs, over restarts of the server. */
export interface DemoHost {
  readonly endpoint: Endpoint;
  /** A server is up: what is called back lets go of the runs before it goes down. */
  serving(app: App, log: Logger): () => void;
}

/**
 * Serves `POST /playground/runs`: `{ id, seed, tokensPerSecond }` begins a run whose text is made here, word by word, without
 * any model or network.
 */
export function createDemoHost(path: string): DemoHost {
  let runs: DemoRuns | null = null;
  return {
    endpoint: { path, onRequest: (request) => answer(request, runs) },
    serving(app, log) {
      const own = DemoRuns.of(app, log);
      runs = own;
      return () => {
        own?.stop();
        if (runs === own) runs = null;
      };
    },
  };
}

async function answer(request: Request, runs: DemoRuns | null): Promise<Response> {
  if (request.method !== "POST")
    return refusal(405, invalid("Only POST is served here.", "POST { id, seed, tokensPerSecond } as JSON."));
  // A page of another site could send this request too, but not with a type that is asked about first.
  if (request.headers.get("content-type") !== "application/json")
    return refusal(415, invalid("The Content-Type must be application/json.", "Set the header."));
  if (runs === null)
    return refusal(
      503,
      invalid("This server has no runs.", "Name a run `run` and a stream `stream` in topics."),
    );
  const asked = parseRequest(await request.text());
  if (asked === null) {
    const fix = "id: 1 to 48 letters, digits, . _ -; seed: a whole number; tokensPerSecond: 1 to 100.";
    return refusal(400, invalid("The body must be { id, seed, tokensPerSecond }.", fix));
  }
  try {
    const { created, settings } = await runs.begin(asked.id, asked.settings);
    return Response.json({ id: asked.id, created, ...settings }, { status: created ? 201 : 200 });
  } catch (reason) {
    const error = PlexlineError.from(reason);
    return refusal(error.code === "PAYLOAD_INVALID" ? 409 : 503, error);
  }
}

function parseRequest(text: string): { readonly id: string; readonly settings: RunSettings } | null {
  if (text.length > BODY_BYTES_MAX) return null;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  const settings = parseSettings(body);
  const id = (body as { readonly id?: unknown } | null)?.id;
  return settings !== null && typeof id === "string" && ID.test(id) ? { id, settings } : null;
}

function invalid(message: string, fix: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", { message, fix });
}

function refusal(status: number, error: PlexlineError): Response {
  return Response.json({ error: error.toBody() }, { status });
}
