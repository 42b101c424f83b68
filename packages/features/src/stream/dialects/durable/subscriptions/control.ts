import type { RequestContext } from "@plexline/server";
import { CONTROL } from "../address.ts";
import { answer } from "../answer.ts";
import type { Settings } from "../exchange.ts";
import { refuse } from "../failure.ts";
import { addStreams, deleteSubscription, getSubscription, putSubscription, removeStream } from "./editing.ts";
import { ControlRefusal, refusalResponse } from "./refusal.ts";
import type { Control } from "./request.ts";
import { acknowledge, claim, release } from "./waking.ts";

const ID = /^[A-Za-z0-9._-]{1,64}$/;
const JWKS_SECONDS = 300;

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

/** The keys that webhooks are signed with. */
async function answerJwks({ subscriptions }: Settings): Promise<Response> {
  const { publicKey } = await subscriptions.signer;
  const headers = {
    "Content-Type": "application/jwk-set+json",
    "Cache-Control": `public, max-age=${JWKS_SECONDS}`,
  };
  return answer(200, headers, JSON.stringify({ keys: [publicKey] }));
}

function notHere(): Error {
  return refuse(404, "There is nothing at this path.", "See DURABLE.md for what there is.");
}
