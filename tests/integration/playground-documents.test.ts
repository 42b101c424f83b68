import type { Locator, Page } from "playwright-core";
import { afterEach, describe, expect, test } from "vitest";
import { type Browser, browserMissing, launchBrowser } from "./browser.ts";
import { type CliServer, startCli, temporaryDirectory } from "./cli-fixture.ts";
import { createTcpProxy } from "./tcp-proxy.ts";

/** Two users of the native wire, and one of the y-websocket provider. */
const PANES = ["pane-a", "pane-b", "pane-c"] as const;
type Pane = (typeof PANES)[number];

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function dataDirectory(): Promise<string> {
  const data = await temporaryDirectory();
  cleanups.push(data.remove);
  return data.path;
}

async function openBrowser(...options: Parameters<typeof launchBrowser>): Promise<Browser> {
  const browser = await launchBrowser(...options);
  cleanups.push(() => browser.close());
  return browser;
}

async function openPage(browser: Browser, url: string, hash = "#doc=test"): Promise<Page> {
  const page = await browser.context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  cleanups.push(async () => expect(errors).toEqual([]));
  await page.goto(`${url}/playground/${hash}`);
  for (const pane of PANES) await untilState(page, pane, "synced", "synced");
  return page;
}

/** Waits until a badge of a pane stands at one of the states. */
async function untilState(
  page: Page,
  pane: Pane,
  badge: "status" | "save-state" | "synced",
  ...states: string[]
) {
  const element = page.getByTestId(pane).getByTestId(badge);
  await expect
    .poll(async () => states.includes((await element.getAttribute("data-state")) ?? ""), { timeout: 30_000 })
    .toBe(true);
}

/** The text of a pane's editor, without the cursors of others that stand in it. */
async function textOf(page: Page, pane: Pane): Promise<string> {
  return page
    .getByTestId(pane)
    .locator(".cm-line")
    .evaluateAll((lines) =>
      lines
        .map((line) => {
          const copy = line.cloneNode(true) as Element;
          for (const other of copy.querySelectorAll(".cm-ySelectionCaret, .cm-placeholder")) other.remove();
          return copy.textContent ?? "";
        })
        .join("\n"),
    );
}

async function untilText(pages: readonly Page[], text: string): Promise<void> {
  for (const page of pages) {
    for (const pane of PANES) await expect.poll(() => textOf(page, pane), { timeout: 30_000 }).toBe(text);
  }
}

/** Goes into a pane's editor, to the end of a line. */
async function enterLine(page: Page, pane: Pane, line: number): Promise<void> {
  await page.getByTestId(pane).locator(".cm-line").nth(line).click();
  await page.keyboard.press("End");
}

/** Somebody who types numbered words at the end of a line of their own. */
async function writerOn(page: Page, pane: Pane, line: number, name: string) {
  await enterLine(page, pane, line);
  let words = 0;
  return {
    text: () => [`${name}:`, ...Array.from({ length: words }, (_, index) => `${name}${index}`)].join(" "),
    async type(count: number) {
      for (const end = words + count; words < end; words += 1) await page.keyboard.type(` ${name}${words}`);
    },
  };
}

describe.skipIf(browserMissing)("the playground's documents", () => {
  test("two pages and a stock client type while one is cut off and the server is killed: nothing lost or doubled", async () => {
    const data = await dataDirectory();
    let server: CliServer = await startCli({ data });
    cleanups.push(() => server.stop());
    const { port } = server;
    const killAndStart = async () => {
      await server.stop("SIGKILL");
      server = await startCli({ data, port });
    };
    const proxy = await createTcpProxy(port);
    cleanups.push(() => proxy.close());
    const nearBrowser = await openBrowser();
    const near = await openPage(nearBrowser, server.url);
    const stock = await openPage(nearBrowser, server.url);
    const far = await openPage(await openBrowser(), `http://127.0.0.1:${proxy.port}`);
    const pages = [near, far, stock];

    await near.getByTestId("pane-a").getByTestId("editor").click();
    await near.keyboard.type("near:\nfar:\nstock:");
    await untilText(pages, "near:\nfar:\nstock:");
    const writers = [
      await writerOn(near, "pane-a", 0, "near"),
      await writerOn(far, "pane-a", 1, "far"),
      await writerOn(stock, "pane-c", 2, "stock"),
    ];
    const allType = (count: number) => Promise.all(writers.map((writer) => writer.type(count)));
    const written = () => writers.map((writer) => writer.text()).join("\n");
    await allType(5);
    await untilText(pages, written());

    proxy.cut();
    await untilState(far, "pane-a", "status", "disconnected", "connecting");
    await allType(3);
    await untilState(far, "pane-a", "save-state", "offline");
    await untilState(near, "pane-a", "save-state", "saved");

    await Promise.all([killAndStart(), allType(6)]);
    await untilState(near, "pane-a", "save-state", "saved");
    expect(await far.getByTestId("pane-a").getByTestId("save-state").getAttribute("data-state")).toBe(
      "offline",
    );

    proxy.mend();
    await allType(3);
    await untilText(pages, written());
    for (const page of pages) {
      await untilState(page, "pane-a", "save-state", "saved");
      await untilState(page, "pane-b", "save-state", "saved");
      for (const pane of PANES) await untilState(page, pane, "synced", "synced");
    }

    await killAndStart();
    const fresh = await openPage(await openBrowser(), server.url);
    await untilText([fresh, ...pages], written());
  }, 240_000);

  test("cursors, active users, undo, the buttons and the wire log do what they say", async () => {
    const server = await startCli({ data: await dataDirectory() });
    cleanups.push(() => server.stop());
    const page = await openPage(await openBrowser(), server.url);
    const [a, b, c] = PANES.map((pane) => page.getByTestId(pane)) as [Locator, Locator, Locator];
    const names = await Promise.all([a, b, c].map((pane) => pane.locator("h2").innerText()));
    for (const pane of [a, b, c]) {
      const users = pane.getByTestId("users");
      await expect
        .poll(async () => (await users.locator("[data-user]").allInnerTexts()).map(firstWord).sort(), {
          timeout: 20_000,
        })
        .toEqual([...names].sort());
      expect(firstWord(await users.locator("[data-user]", { hasText: "you" }).innerText())).toBe(
        await pane.locator("h2").innerText(),
      );
    }

    await a.getByTestId("editor").click();
    await page.keyboard.insertText("from a");
    await untilText([page], "from a");
    for (const other of [b, c]) await cursorOf(other, names[0]!).waitFor();
    await c.getByTestId("editor").click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.insertText("from c, ");
    await untilText([page], "from c, from a");
    for (const other of [a, b]) await cursorOf(other, names[2]!).waitFor();

    await a.getByTestId("editor").focus();
    await page.keyboard.press("Control+z");
    await untilText([page], "from c, ");
    await page.keyboard.press("Control+y");
    await untilText([page], "from c, from a");

    await a.locator('[data-direction="out"][data-type="update"]', { hasText: /\d+@0\+6 "from a"/ }).waitFor();
    await b.locator('[data-direction="in"][data-type="update"]', { hasText: /"from c, "/ }).waitFor();
    await a
      .locator('[data-type="committed"]', { hasText: /"acked":[1-9]/ })
      .first()
      .waitFor();
    await b.locator('[data-type="awareness"]', { hasText: names[0]! }).first().waitFor();

    await b.getByTestId("drop").click();
    await b.locator('[data-type="welcome"]').nth(1).waitFor();
    await untilState(page, "pane-b", "synced", "synced");
    await b.getByTestId("expire").click();
    await b.locator('[data-type="token-expiring"]').first().waitFor({ timeout: 20_000 });
    await b.locator('[data-type="refresh"]').first().waitFor();

    await page.getByTestId("restart").click();
    await a.locator('[data-type="welcome"]').nth(1).waitFor();
    await expect
      .poll(() => page.getByTestId("restart").getAttribute("data-state"), { timeout: 20_000 })
      .toBe("idle");
    for (const pane of PANES) await untilState(page, pane, "synced", "synced");
    await b.getByTestId("editor").click();
    await page.keyboard.press("Control+End");
    await page.keyboard.insertText(", after the restart");
    await untilText([page], "from c, from a, after the restart");
    await untilState(page, "pane-b", "save-state", "saved");

    await c.getByTestId("disconnect").click();
    await untilState(page, "pane-c", "status", "disconnected");
    await a.getByTestId("offline-toggle").click();
    await untilState(page, "pane-a", "status", "disconnected");
    await expect
      .poll(() => b.getByTestId("users").locator("[data-user]").count(), { timeout: 20_000 })
      .toBe(1);
    await c.getByTestId("editor").click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.insertText("Offline: ");
    await a.getByTestId("editor").click();
    await page.keyboard.press("Control+End");
    await page.keyboard.insertText(".");
    await untilState(page, "pane-a", "save-state", "offline");
    await c.getByTestId("connect").click();
    await a.getByTestId("offline-toggle").click();
    await untilText([page], "Offline: from c, from a, after the restart.");
    await untilState(page, "pane-a", "save-state", "saved");
    for (const pane of [a, b, c])
      await expect
        .poll(() => pane.getByTestId("users").locator("[data-user]").count(), { timeout: 20_000 })
        .toBe(3);
  });

  test("the first page is the document, and works at 390 px, by keyboard, in the dark", async () => {
    const server = await startCli({ data: await dataDirectory() });
    cleanups.push(() => server.stop());
    const browser = await openBrowser({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    const page = await openPage(browser, server.url, "");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);

    const editor = page.getByTestId("pane-a").getByTestId("editor");
    await tabTo(page, editor);
    await page.keyboard.type("# By keyboard");
    await untilText([page], "# By keyboard");
    await untilState(page, "pane-a", "save-state", "saved");
    await page.keyboard.press("Tab");
    expect(await isFocused(editor)).toBe(false);

    for (const side of ["b", "c"]) {
      await tabTo(page, page.locator('input[name="pane"]:checked'));
      await page.keyboard.press("ArrowRight");
      const pane = page.getByTestId(`pane-${side}`);
      await pane.waitFor({ state: "visible" });
      await tabTo(page, pane.getByTestId("editor"));
      await page.keyboard.press("Control+End");
      await page.keyboard.type(` ${side}`);
    }
    await untilText([page], "# By keyboard b c");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  });
});

/** The caret of somebody else in a pane's editor, with their name on it. */
function cursorOf(pane: Locator, name: string): Locator {
  return pane.locator(".cm-ySelectionInfo", { hasText: name });
}

function firstWord(text: string): string {
  return text.split(/\s/)[0] ?? "";
}

const isFocused = (element: Locator) => element.evaluate((each) => each === document.activeElement);

async function tabTo(page: Page, element: Locator): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    if (await isFocused(element)) return;
    await page.keyboard.press("Tab");
  }
  expect(await isFocused(element)).toBe(true);
}
