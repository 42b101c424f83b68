import { PlexlineError, parseJson } from "@plexline/protocol";
import type { RequestContext } from "@plexline/server";
import { readBody } from "../../../../http/body.ts";
import { CONTROL } from "../address.ts";
import type { Settings } from "../exchange.ts";
import type { Keeper } from "./keeper.ts";
import { malformed } from "./refusal.ts";

/** One request about a subscription. */
export interface Control {
  readonly request: Request;
  readonly context: RequestContext;
  readonly settings: Settings;
  readonly id: string;
  /** Topic of the stream that keeps it. */
  readonly topic: string;
  /** URL of the stream root. */
  readonly root: string;
}

const BODY_BYTES_MAX = 64 * 1024;

/** Reads the body of a request: one JSON object. */
export async function readFields(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const text = new TextDecoder().decode(await readBody(request, { bytesMax: BODY_BYTES_MAX }));
  const value = parseJson(text, { depthMax: 8 });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw malformed("The body must be a JSON object.");
  return value as Readonly<Record<string, unknown>>;
}

/** The keeper of a subscription, which from now on acts in the session of whoever asks, if nobody's yet [DS28]. */
export async function attend({ context, settings, topic, id, root }: Control): Promise<Keeper> {
  const { subscriptions } = settings;
  let keeper = subscriptions.keeperOf(topic);
  if (!keeper) {
    let isKept = false;
    const session = await context.open({ onClose: () => void (isKept && subscriptions.leave(topic)) });
    const callbackUrl = `${root}/${CONTROL}/subscriptions/${id}/callback`;
    // Somebody else may have come first while the session was opened.
    isKept = !subscriptions.keeperOf(topic) && subscriptions.keep(topic, id, session, callbackUrl);
    if (!isKept) session.close(1000, "");
    keeper = subscriptions.keeperOf(topic);
  }
  if (!keeper) throw new PlexlineError("OVERLOADED", { message: "This server keeps no more subscriptions." });
  keeper.look();
  return keeper;
}
