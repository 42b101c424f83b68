import { createHmac } from "node:crypto";
import { decodeBinaryMessage } from "@plexline/protocol";
import {
  createMemoryStorage,
  createServer,
  type Decision,
  jwt,
  type Storage,
  systemRandom,
} from "@plexline/server";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import * as Y from "yjs";
import { type DocEvent, decodeDocEvent } from "../event.ts";
import { DOC_KIND } from "../protocol.ts";
import { doc } from "../server.ts";
import { scanUpdate } from "../update/scan.ts";
import { render } from "../worker/render.ts";
import { documentsApi } from "./documents-api.ts";

// The API on a real server, asked by fetch. Documents are rendered here instead of in a thread, which needs a build.

const SECRET = "a secret for tests that is long enough to be taken";

export interface StartOptions {
  /** Roles of users that the policy does not decide. */
  readonly roles?: Readonly<Record<string, Decision>>;
  readonly storage?: Storage;
  readonly updateBytesMax?: number;
}

export type Api = Awaited<ReturnType<typeof startApi>>;

/** A user's token; `claims` add to it. */
export function tokenOf(user: string, claims: object = {}): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const all = { sub: user, exp: Date.now() / 1_000 + 600, ...claims };
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(all)}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

export async function startApi({ roles = {}, storage, updateBytesMax }: StartOptions = {}) {
  const app = createServer({
    topics: { page: doc("doc:{id}", { authorize: ({ principal }) => roles[principal.id] }) },
    endpoints: [
      ...documentsApi({
        worker: { scan: async (...scan) => scanUpdate(...scan), render: async (job) => render(job) },
        ...(updateBytesMax === undefined ? {} : { updateBytesMax }),
      }),
    ],
    auth: jwt({ secret: SECRET }),
    resources: "auto",
    storage: storage ?? createMemoryStorage({ random: systemRandom }),
  });
  const { url } = await app.listen(0);
  onTestFinished(() => app.close({ graceMs: 100 }));
  /** Asks as a user, or as nobody. */
  const ask = (
    path: string,
    { as = "ada" as string | null, ...init }: RequestInit & { as?: string | null } = {},
  ) => {
    const headers = new Headers(init.headers);
    if (as !== null) headers.set("authorization", `Bearer ${tokenOf(as)}`);
    return fetch(`${url}/api/documents${path}`, { ...init, headers });
  };
  const append = (id: string, update: Uint8Array, options: { as?: string; signal?: AbortSignal } = {}) =>
    ask(`/${id}/updates`, { method: "POST", body: update as Uint8Array<ArrayBuffer>, ...options });
  const json = (path: string, method: string, body: unknown, options: { as?: string } = {}) =>
    ask(path, {
      method,
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
      ...options,
    });
  return { app, url, ask, append, json };
}

/** Somebody who has a document open by the native protocol, and what they hear. */
export async function joinDocument(api: Api, id: string, user = "ada") {
  const socket = new WebSocket(`${api.url.replace("http", "ws")}/ws`, ["plexline.v1"]);
  onTestFinished(() => socket.close());
  const heard: Readonly<Record<string, unknown>>[] = [];
  const events: DocEvent[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => socket.send(JSON.stringify({ type: "hello", token: tokenOf(user) })));
    socket.on("close", (code, reason) => reject(new Error(`It was closed with ${code} ${reason}.`)));
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) {
        const message = decodeBinaryMessage(data);
        if (message.kind === DOC_KIND.notice) events.push(decodeDocEvent(message.payload));
        return;
      }
      const message: Readonly<Record<string, unknown>> = JSON.parse(String(data));
      heard.push(message);
      if (message.type === "welcome")
        socket.send(JSON.stringify({ type: "subscribe", ref: 1, topic: `doc:${id}` }));
      if (message.type === "reply") resolve();
    });
  });
  return { heard, events };
}

/** A document made by one client id, and the update of each step. */
export function written(clientID: number, ...steps: ((ydoc: Y.Doc) => void)[]) {
  const ydoc = new Y.Doc();
  ydoc.clientID = clientID;
  const updates: Uint8Array[] = [];
  ydoc.on("update", (update: Uint8Array) => updates.push(update));
  for (const step of steps) ydoc.transact(() => step(ydoc));
  return { ydoc, updates, all: Y.encodeStateAsUpdate(ydoc) };
}

export const insert = (text: string) => (ydoc: Y.Doc) =>
  ydoc.getText("content").insert(ydoc.getText("content").length, text);

/** The code of an error's body. */
export async function codeOf(response: Response): Promise<unknown> {
  const { error } = (await response.json()) as { error: { code: string } };
  return error.code;
}
