import { PlexlineError, parseJson } from "@plexline/protocol";
import type { EndpointSession, RequestContext } from "@plexline/server";
import { formatCursor } from "../../../cursor.ts";
import { CONTROL } from "../address.ts";
import { answer } from "../answer.ts";
import { readBody } from "../body.ts";
import type { Settings } from "../exchange.ts";
import { refuse } from "../failure.ts";
import { inSession } from "../request-session.ts";
import { readConfig, readPaths, type SubscriptionConfig } from "./config.ts";
import type { Keeper } from "./keeper.ts";
import { literalPrefix, matchesPattern } from "./pattern.ts";
import { answerJson, ControlRefusal, fenced, malformed, refusalResponse } from "./refusal.ts";
import { sha256 } from "./signing.ts";
import type { SubscriptionStore } from "./store.ts";
import {
  NOTHING_ACKED,
  type Subscription,
  toldLinks,
  toldStreams,
  withLinks,
  withoutLink,
} from "./subscription.ts";

/** One request about a subscription. */
interface Control {
  readonly request: Request;
  readonly context: RequestContext;
  readonly settings: Settings;
  readonly id: string;
  /** Topic of the stream that keeps it. */
  readonly topic: string;
  /** URL of the stream root. */
  readonly root: string;
}

type Fields = Readonly<Record<string, unknown>>;

const ID = /^[A-Za-z0-9._-]{1,64}$/;
const BODY_BYTES_MAX = 64 * 1024;
const JWKS_SECONDS = 300;
/** Streams that are there already and match a pattern. */
const BACKFILL_MAX = 1_000;

/** Answers what is under the reserved first part of the path [DS27]. */
export async function answerControl(
  request: Request,
  context: RequestContext,
  settings: Settings,
): Promise<Response> {
  const path = context.params["*"] ?? "";
  const root = new URL(request.url).origin + settings.prefix;
  try {
    if (path === "jwks.json" && (request.method === "GET" || request.method === "HEAD"))
      return await answerJwks(settings);
    const [area, id = "", action = "", ...rest] = path.split("/");
    if (area !== "subscriptions" || !ID.test(id)) throw notHere();
    const topic = settings.topic(`${CONTROL}/subscriptions/${id}`);
    const control = { request, context, settings, id, topic, root };
    return await route(control, `${request.method} ${action}`, rest.join("/"));
  } catch (error) {
    if (error instanceof ControlRefusal) return refusalResponse(error);
    throw error;
  }
}

function route(control: Control, what: string, rest: string): Promise<Response> {
  if (what === "DELETE streams" && rest !== "") return removeStream(control, rest);
  if (rest !== "") throw notHere();
  switch (what) {
    case "PUT ":
      return putSubscription(control);
    case "GET ":
      return getSubscription(control);
    case "DELETE ":
      return deleteSubscription(control);
    case "POST streams":
      return addStreams(control);
    case "POST claim":
      return claim(control);
    case "POST callback":
    case "POST ack":
      return acknowledge(control);
    case "POST release":
      return release(control);
    default:
      throw notHere();
  }
}

async function answerJwks({ subscriptions }: Settings): Promise<Response> {
  const { publicKey } = await subscriptions.signer;
  const headers = {
    "Content-Type": "application/jwk-set+json",
    "Cache-Control": `public, max-age=${JWKS_SECONDS}`,
  };
  return answer(200, headers, JSON.stringify({ keys: [publicKey] }));
}

async function putSubscription(control: Control): Promise<Response> {
  const { request, context, settings, topic } = control;
  const { subscriptions, clock } = settings;
  const config = readConfig(await readFields(request), { allowLoopback: subscriptions.allowLoopback });
  const { created, subscription } = await inSession({ request, context }, async (session) => {
    const store = subscriptions.storeOf(session, topic);
    const known = await store.find();
    if (known) return { created: false, subscription: known };
    const made = await makeSubscription(control, store, config, clock.nowMs());
    const isNew = await store.create(made);
    return { created: isNew, subscription: isNew ? made : await store.read() };
  });
  if (JSON.stringify(subscription.config) !== JSON.stringify(config))
    throw new ControlRefusal(409, "SUBSCRIPTION_CONFLICT", "There is another subscription of this name.");
  await attend(control);
  return answerJson(created ? 201 : 200, await told(control, subscription));
}

/** A subscription that has the streams which are there by now at their ends: what is old wakes nobody. */
async function makeSubscription(
  { context, settings: { topic: topicOf } }: Control,
  store: SubscriptionStore,
  config: SubscriptionConfig,
  nowMs: number,
): Promise<Subscription> {
  const { pattern, streams } = config;
  const empty = { config, createdAtMs: nowMs, links: {}, generation: 0, wake: null, retry: null };
  const matching = pattern === null ? [] : await pathsOf(context, topicOf, pattern);
  const tails = await store.tails([...new Set([...streams, ...matching])]);
  const at = (path: string) => ({ path, acked: tails[path] ? formatCursor(tails[path]) : NOTHING_ACKED });
  const named = withLinks(empty, streams.map(at), true);
  const present = matching.filter((path) => tails[path] !== undefined);
  return withLinks(named, present.map(at), false);
}

/** Paths that match a pattern, of streams that the caller may read. */
async function pathsOf(
  context: RequestContext,
  topicOf: (path: string) => string,
  pattern: string,
): Promise<readonly string[]> {
  const literal = literalPrefix(pattern);
  // What a mapping makes of the beginning of a path is seen at a path with one character more.
  const prefix = topicOf(`${literal}x`).slice(0, -1);
  const paths: string[] = [];
  let after: string | undefined;
  do {
    const page = await context.topics(prefix, {
      limit: BACKFILL_MAX,
      ...(after === undefined ? {} : { after }),
    });
    for (const { topic } of page.topics) {
      const path = literal + topic.slice(prefix.length);
      if (!path.startsWith(`${CONTROL}/`) && matchesPattern(pattern, path)) paths.push(path);
    }
    after = page.next ?? undefined;
  } while (after !== undefined && paths.length < BACKFILL_MAX);
  return paths.slice(0, BACKFILL_MAX);
}

async function getSubscription(control: Control): Promise<Response> {
  const { settings, topic } = control;
  const subscription = await inSession(control, (session) =>
    settings.subscriptions.storeOf(session, topic).read(),
  );
  return answerJson(200, await told(control, subscription));
}

async function deleteSubscription(control: Control): Promise<Response> {
  const { settings, topic } = control;
  await inSession(control, async (session) => {
    const store = settings.subscriptions.storeOf(session, topic);
    if (await store.find()) await store.delete();
  });
  settings.subscriptions.leave(topic);
  return answer(204, {});
}

async function addStreams(control: Control): Promise<Response> {
  const { request, settings, topic } = control;
  const paths = readPaths((await readFields(request)).streams);
  await inSession(control, async (session) => {
    const store = settings.subscriptions.storeOf(session, topic);
    const tails = await store.tails(paths);
    const added = paths.map((path) => ({
      path,
      acked: tails[path] ? formatCursor(tails[path]) : NOTHING_ACKED,
    }));
    await store.update((subscription) => withLinks(subscription, added, true));
  });
  await attend(control);
  return answer(204, {});
}

async function removeStream(control: Control, path: string): Promise<Response> {
  const { settings, topic } = control;
  await inSession(control, (session) =>
    settings.subscriptions.storeOf(session, topic).update((subscription) => withoutLink(subscription, path)),
  );
  return answer(204, {});
}

async function claim(control: Control): Promise<Response> {
  const { request, settings, topic } = control;
  const { worker } = await readFields(request);
  if (typeof worker !== "string" || worker === "" || worker.length > 128)
    throw malformed("worker must be a name of 1 to 128 characters.");
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

async function acknowledge(control: Control): Promise<Response> {
  const { acks, done, ...answered } = await readAnswer(control);
  const isMore = await keeperFor(control).acknowledge({
    ...answered,
    acks,
    done: done === true,
  });
  return answerJson(200, { ok: true, next_wake: isMore });
}

async function release(control: Control): Promise<Response> {
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

/** The keeper of a subscription, which from now on acts in the session of whoever asks, if nobody's yet [DS28]. */
async function attend({ context, settings, topic, id, root }: Control): Promise<Keeper> {
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

/** Rejects with FORBIDDEN for whoever may only read the subscription. */
async function assertWriter(session: EndpointSession, topic: string): Promise<void> {
  const { operations } = await session.subscribe(topic, { translate: () => null });
  session.unsubscribe(topic);
  if (!operations.includes("publish")) throw new PlexlineError("FORBIDDEN");
}

/** A subscription as it is told. */
async function told({ settings, id, root }: Control, subscription: Subscription) {
  const { config, createdAtMs, retry } = subscription;
  const { kid } = (await settings.subscriptions.signer).publicKey;
  const jwks_url = `${root}/${CONTROL}/jwks.json`;
  return {
    id,
    subscription_id: id,
    type: config.type,
    pattern: config.pattern,
    streams: toldLinks(subscription),
    webhook:
      config.webhookUrl === null
        ? null
        : { url: config.webhookUrl, signing: { alg: "ed25519", kid, jwks_url } },
    wake_stream: config.wakeStream,
    lease_ttl_ms: config.leaseMs,
    created_at: new Date(createdAtMs).toISOString(),
    status: retry === null ? "active" : "failed",
    description: config.description,
  };
}

async function readFields(request: Request): Promise<Fields> {
  const text = new TextDecoder().decode(await readBody(request, BODY_BYTES_MAX));
  const value = parseJson(text, { depthMax: 8 });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw malformed("The body must be a JSON object.");
  return value as Fields;
}

function notHere(): Error {
  return refuse(404, "There is nothing at this path.", "See DURABLE.md for what there is.");
}
