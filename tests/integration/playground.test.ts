import type { Page } from "playwright-core";
import { afterEach, describe, expect, test } from "vitest";
import { type Browser, browserMissing, launchBrowser } from "./browser.ts";
import { type CliServer, startCli, temporaryDirectory } from "./cli-fixture.ts";
import { createTcpProxy } from "./tcp-proxy.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function openBrowser(...options: Parameters<typeof launchBrowser>): Promise<Browser> {
  const browser = await launchBrowser(...options);
  cleanups.push(() => browser.close());
  return browser;
}

async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  cleanups.push(async () => expect(errors).toEqual([]));
  await page.goto(`${url}/playground/#room=test`);
  await untilState(page, "pane-a", "status", "connected");
  return page;
}

/** Waits until a badge of a pane stands at one of the states. */
async function untilState(page: Page, pane: string, badge: "status" | "save-state", ...states: string[]) {
  const element = page.getByTestId(pane).getByTestId(badge);
  await expect
    .poll(async () => states.includes((await element.getAttribute("data-state")) ?? ""), { timeout: 20_000 })
    .toBe(true);
}

async function say(page: Page, pane: string, text: string): Promise<void> {
  const composer = page.getByTestId(pane).getByTestId("composer");
  await composer.fill(text);
  await composer.press("Enter");
}

/** The texts of a pane's messages with an offset, in the order shown. */
async function messagesOf(page: Page, pane: string): Promise<{ offset: number; text: string }[]> {
  return page
    .getByTestId(pane)
    .getByTestId("messages")
    .locator("[data-offset]")
    .evaluateAll((rows) =>
      rows
        .map((row) => ({
          offset: Number(row.getAttribute("data-offset")),
          text: row.querySelector(".message-text")?.textContent ?? "",
        }))
        .filter(({ offset }) => offset > 0),
    );
}

async function untilMessages(page: Page, pane: string, texts: readonly string[]): Promise<void> {
  await expect
    .poll(async () => (await messagesOf(page, pane)).map(({ text }) => text), { timeout: 30_000 })
    .toEqual(texts);
}

describe.skipIf(browserMissing)("the playground", () => {
  test("two pages talk while one is cut off and the server is killed: nothing lost, nothing twice, in order", async () => {
    const data = await temporaryDirectory();
    cleanups.push(data.remove);
    let server: CliServer = await startCli({ data: data.path });
    cleanups.push(() => server.stop());
    const proxy = await createTcpProxy(server.port);
    cleanups.push(() => proxy.close());
    const near = await openPage(await openBrowser(), server.url);
    const far = await openPage(await openBrowser(), `http://127.0.0.1:${proxy.port}`);

    const said: string[] = [];
    const sayFrom = async (page: Page, text: string) => {
      await say(page, "pane-a", text);
      said.push(text);
    };
    await sayFrom(near, "one from near");
    await untilMessages(far, "pane-a", said);
    await sayFrom(far, "two from far");
    await untilMessages(near, "pane-a", said);

    proxy.cut();
    await untilState(far, "pane-a", "status", "disconnected", "connecting");
    await sayFrom(near, "three while far is away");
    await untilState(near, "pane-a", "save-state", "saved");
    await say(far, "pane-a", "written offline by far");
    await untilState(far, "pane-a", "save-state", "offline");

    const { port } = server;
    await server.stop("SIGKILL");
    server = await startCli({ data: data.path, port });
    await sayFrom(near, "four after the restart");
    await untilState(near, "pane-a", "save-state", "saved");
    await untilMessages(near, "pane-a", said);

    proxy.mend();
    said.push("written offline by far");
    await untilMessages(near, "pane-a", said);
    await untilMessages(far, "pane-a", said);
    await untilMessages(far, "pane-b", said);
    const offsets = (await messagesOf(far, "pane-a")).map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.map((_, index) => (offsets[0] ?? 0) + index));
    await untilState(far, "pane-a", "save-state", "saved");
  });

  test("presence, typing, dropping and an expiring token show in the page", async () => {
    const data = await temporaryDirectory();
    cleanups.push(data.remove);
    const server = await startCli({ data: data.path });
    cleanups.push(() => server.stop());
    const page = await openPage(await openBrowser(), server.url);
    const [a, b] = [page.getByTestId("pane-a"), page.getByTestId("pane-b")];
    await expect.poll(() => a.getByTestId("members").locator("[data-user]").count()).toBe(2);

    await b.getByTestId("composer").pressSequentially("typ");
    await a.getByTestId("typing").getByText("typing").waitFor();

    await a.getByTestId("drop").click();
    await untilState(page, "pane-a", "status", "connected");
    await say(page, "pane-a", "after the drop");
    await expect
      .poll(async () => (await messagesOf(page, "pane-b")).map(({ text }) => text))
      .toEqual(["after the drop"]);

    await b.getByTestId("expire").click();
    await b.locator('[data-type="token-expiring"]').first().waitFor({ timeout: 15_000 });
    await b.locator('[data-type="refresh"]').first().waitFor();
    await say(page, "pane-b", "still here");
    await expect
      .poll(async () => (await messagesOf(page, "pane-a")).map(({ text }) => text))
      .toEqual(["after the drop", "still here"]);

    await b.getByTestId("offline-toggle").click();
    await expect
      .poll(() => a.getByTestId("members").locator("[data-user]").count(), { timeout: 15_000 })
      .toBe(1);
  });

  test("the page works at 390 px, by keyboard, in the dark", async () => {
    const data = await temporaryDirectory();
    cleanups.push(data.remove);
    const server = await startCli({ data: data.path });
    cleanups.push(() => server.stop());
    const browser = await openBrowser({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    const page = await openPage(browser, server.url);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(390);

    const composer = page.getByTestId("pane-a").getByTestId("composer");
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press("Tab");
      if (await composer.evaluate((element) => element === document.activeElement)) break;
    }
    expect(await composer.evaluate((element) => element === document.activeElement)).toBe(true);
    await page.keyboard.type("by keyboard");
    await page.keyboard.press("Enter");
    await expect
      .poll(async () => (await messagesOf(page, "pane-a")).map(({ text }) => text))
      .toEqual(["by keyboard"]);
  });
});
