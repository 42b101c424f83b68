import { PlexlineError } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { inSession } from "../../../../http/request-session.ts";
import { answer } from "../answer.ts";
import type { Keeper } from "./keeper.ts";
import { answerJson, ControlRefusal, fenced, malformed } from "./refusal.ts";
import { attend, type Control, readFields } from "./request.ts";
import { sha256 } from "./signing.ts";
import { toldStreams } from "./subscription.ts";

const WORKER_LENGTH_MAX = 128;

/** Gives a worker what is to be done, if nobody else has it. */
export async function claim(control: Control): Promise<Response> {
  const { request, settings, topic } = control;
  const { worker } = await readFields(request);
  if (typeof worker !== "string" || worker === "" || worker.length > WORKER_LENGTH_MAX)
    throw malformed(`worker must be a name of 1 to ${WORKER_LENGTH_MAX} characters.`);
  // The worker's own rights are those that count: a change that changes nothing is not asked of the room.
  await inSession(control, async (session) => {
    const { config } = await settings.subscriptions.storeOf(session, topic).read();
    if (config.type !== "pull-wake") throw malformed("Only pull-wake subscriptions are claimed.");
    await assertWriter(session, topic);
  });
  const claimed = await (await attend(control)).claim(worker);
  if (claimed === null) throw new ControlRefusal(409, "NOTHING_PENDING", "There is nothing to do.");
  if (!("token" in claimed)) {
    const { generation } = await inSession(control, (session) =>
      settings.subscriptions.storeOf(session, topic).read(),
    );
    const details = { current_holder: claimed.holder, generation };
    throw new ControlRefusal(409, "ALREADY_CLAIMED", "Another worker has it.", details);
  }
  const { subscription, tails, token } = claimed;
  return answerJson(200, {
    wake_id: subscription.wake?.id,
    generation: subscription.generation,
    token,
    streams: toldStreams(subscription, tails),
    lease_ttl_ms: subscription.config.leaseMs,
  });
}

/** Takes what a woken worker has done, and perhaps that it is done. */
export async function acknowledge(control: Control): Promise<Response> {
  const { acks, done, ...answered } = await readAnswer(control);
  const isMore = await keeperFor(control).acknowledge({
    ...answered,
    acks,
    done: done === true,
  });
  return answerJson(200, { ok: true, next_wake: isMore });
}

/** Lets go of a wake with nothing done. */
export async function release(control: Control): Promise<Response> {
  const answered = await readAnswer(control);
  await keeperFor(control).release(answered);
  return answer(204, {});
}

/** The token is for one wake of one subscription: it stands in the place of anybody's credentials [DS31]. */
async function readAnswer({ request }: Control) {
  const token = /^Bearer ([A-Za-z0-9_-]{43})$/.exec(request.headers.get("authorization") ?? "")?.[1];
  if (token === undefined)
    throw new ControlRefusal(401, "TOKEN_INVALID", "The token of the wake is missing.");
  const { wake_id, generation, acks, done } = await readFields(request);
  return { tokenHash: await sha256(token), wakeId: wake_id, generation, acks, done };
}

function keeperFor({ settings, topic }: Control): Keeper {
  const keeper = settings.subscriptions.keeperOf(topic);
  if (!keeper) throw fenced();
  return keeper;
}

/** Rejects with FORBIDDEN for whoever may only read the subscription. */
async function assertWriter(session: EndpointSession, topic: string): Promise<void> {
  const { operations } = await session.subscribe(topic, { translate: () => null });
  session.unsubscribe(topic);
  if (!operations.includes("publish")) throw new PlexlineError("FORBIDDEN");
}
