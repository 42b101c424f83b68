import { createHmac } from "node:crypto";
import type { Page } from "playwright-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { browserMissing } from "./browser.ts";
import { startCli, temporaryDirectory } from "./cli-fixture.ts";
import { openBrowser } from "./playground-page.ts";
import { createTcpProxy } from "./tcp-proxy.ts";

// A run read by the EventSource that a browser brings, and by nothing else: it reconnects by itself or not at all.

const SECRET = "a secret for readers that is long enough to be taken";
const FACT = { timeout: 30_000 };

/** What the page keeps of its EventSource. */
interface Watch {
  readonly source: EventSource;
  readonly told: { readonly type: string; readonly content?: string; readonly id: string }[];
}

declare global {
  interface Window {
    watch: Watch;
  }
}

function tokenOf(user: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { sub: user, exp: Math.floor(Date.now() / 1_000) + 3_600, role: "editor" };
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

/** A server that can be stopped and killed, and a wire to it that can be cut. */
async function startServer() {
  const data = await temporaryDirectory();
  const begin = (port: number) => startCli({ data: data.path, port, env: { JWT_SECRET: SECRET } });
  let server = await begin(0);
  const { port, url } = server;
  const proxy = await createTcpProxy(port);
  onTestFinished(async () => {
    await proxy.close();
    await server.stop("SIGKILL");
    await data.remove();
  });
  return {
    url,
    proxy,
    async restart(signal: "SIGTERM" | "SIGKILL") {
      await server.stop(signal);
      server = await begin(port);
    },
  };
}

async function post(url: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${tokenOf("ada")}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.status).toBe(200);
  return response.json();
}

/** Begins to read in the page, with a ticket and nothing else. */
async function watch(page: Page, ticket: string): Promise<void> {
  await page.evaluate(
    (address) => {
      const source = new EventSource(address);
      window.watch = { source, told: [] };
      source.onmessage = ({ data, lastEventId }) =>
        window.watch.told.push({ ...JSON.parse(data), id: lastEventId });
    },
    `/api/stream?sessionId=7&ticket=${encodeURIComponent(ticket)}`,
  );
}

const toldTo = (page: Page) => page.evaluate(() => window.watch.told);
const contentsTold = async (page: Page) =>
  (await toldTo(page)).flatMap(({ type, content }) => (type === "agent:partial" ? [content] : []));

describe.skipIf(browserMissing)("Chromium's own EventSource", () => {
  test("[SE8] [SE9] [SE10] [SE16] has every event once and in order through a drop, a drain and a kill, and stops at the end", async () => {
    const { url, proxy, restart } = await startServer();
    const written: string[] = [];
    const write = async (...contents: string[]) => {
      const said = contents.map((content) => ({ type: "agent:partial", content, id: content }));
      await post(url, "/api/stream?sessionId=7", said);
      written.push(...contents);
    };
    // What is there before is told by the snapshot.
    await post(url, "/api/stream?sessionId=7", { type: "agent:partial", content: "before", id: "before" });
    const { ticket } = (await post(url, "/api/stream/ticket?sessionId=7")) as { ticket: string };
    const browser = await openBrowser();
    const page = await browser.context.newPage();
    await page.goto(`http://127.0.0.1:${proxy.port}/healthz`);
    await watch(page, ticket);
    await expect
      .poll(async () => (await toldTo(page)).map(({ type }) => type), FACT)
      .toContain("agent:snapshot");
    const untilTold = () => expect.poll(() => contentsTold(page), FACT).toEqual(written);

    await write("a", "b", "c");
    await untilTold();
    proxy.cut();
    await write("while", "it", "was", "cut");
    proxy.mend();
    await untilTold();
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await restart(signal);
      await write(`after ${signal}`, `and more after ${signal}`);
      await untilTold();
    }
    await post(url, "/api/stream?sessionId=7", { type: "agent:done", result: 42, id: "done" });
    // Asked for what follows the end, the server says that nothing ever will.
    await expect.poll(() => page.evaluate(() => window.watch.source.readyState), FACT).toBe(2);
    const told = await toldTo(page);
    expect(told.slice(-2).map(({ type }) => type)).toEqual(["agent:done", "agent:close"]);
    expect(await contentsTold(page)).toEqual(written);
    expect(told.filter(({ type }) => type === "agent:snapshot")).toHaveLength(1);
    const ids = told.filter(({ type }) => type === "agent:partial").map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort());
  }, 120_000);
});
