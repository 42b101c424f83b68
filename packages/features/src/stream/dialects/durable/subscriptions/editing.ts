import type { RequestContext } from "@plexline/server";
import { inSession } from "../../../../http/request-session.ts";
import { formatCursor } from "../../../cursor.ts";
import { CONTROL } from "../address.ts";
import { answer } from "../answer.ts";
import { readConfig, readPaths, type SubscriptionConfig } from "./config.ts";
import { literalPrefix, matchesPattern } from "./pattern.ts";
import { answerJson, ControlRefusal } from "./refusal.ts";
import { attend, type Control, readFields } from "./request.ts";
import type { SubscriptionStore } from "./store.ts";
import { NOTHING_ACKED, type Subscription, toldLinks, withLinks, withoutLink } from "./subscription.ts";

/** Streams that are there already and match a pattern. */
const BACKFILL_MAX = 1_000;

/** Makes a subscription, or answers the one that is there and the same. */
export async function putSubscription(control: Control): Promise<Response> {
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

export async function getSubscription(control: Control): Promise<Response> {
  const { settings, topic } = control;
  const subscription = await inSession(control, (session) =>
    settings.subscriptions.storeOf(session, topic).read(),
  );
  return answerJson(200, await told(control, subscription));
}

export async function deleteSubscription(control: Control): Promise<Response> {
  const { settings, topic } = control;
  await inSession(control, async (session) => {
    const store = settings.subscriptions.storeOf(session, topic);
    if (await store.find()) await store.delete();
  });
  settings.subscriptions.leave(topic);
  return answer(204, {});
}

export async function addStreams(control: Control): Promise<Response> {
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

export async function removeStream(control: Control, path: string): Promise<Response> {
  const { settings, topic } = control;
  await inSession(control, (session) =>
    settings.subscriptions.storeOf(session, topic).update((subscription) => withoutLink(subscription, path)),
  );
  return answer(204, {});
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
