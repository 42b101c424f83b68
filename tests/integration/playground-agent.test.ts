import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { textOfRun } from "../../packages/cli/src/demo/script.ts";
import { browserMissing } from "./browser.ts";
import { openBrowser, openPlayground, startPlayground, tabTo } from "./playground-page.ts";

const FACT = { timeout: 40_000 };
const PANES = ["pane-a", "pane-b"] as const;
const SEED = 7;

type Transport = "native" | "websocket" | "sse" | "long-poll";

describe.skipIf(browserMissing)("the playground's agent", () => {
  test("two panes read a run over two transports: a note, a question that either answers, and the same text", async () => {
    const { url } = await startPlayground();
    const page = await openRun(url, "talk");
    const [a, b] = panesOf(page);
    await start(page);
    await untilWritten(a, 200);
    await a.getByTestId("steer").fill("Less weather.");
    await a.getByTestId("steer-send").click();
    for (const pane of [a, b])
      await pane.getByTestId("note").filter({ hasText: "Less weather." }).waitFor(FACT);
    for (const pane of [a, b]) await pane.getByTestId("ask").waitFor(FACT);
    expect(await b.getByTestId("tools").innerText()).toContain("survey_harbour");
    await answer(b, "as a letter");
    for (const pane of [a, b]) {
      await pane.getByTestId("answered").filter({ hasText: "as a letter" }).waitFor(FACT);
      await pane.getByTestId("ask").waitFor({ state: "detached", ...FACT });
    }
    await untilWhole(page, "as a letter");
    expect(await factOf(a, "way-in-use")).toBe("Native");
    expect(await factOf(b, "way-in-use")).toBe("SSE");
    expect(await factOf(a, "cursor")).toBe(await factOf(b, "cursor"));
    await a.locator('[data-direction="in"][data-type="push"]').first().waitFor();
    await b.locator('[data-direction="in"][data-type="agent:partial"]').first().waitFor();
    await expect.poll(() => a.getByTestId("cancel").isDisabled(), FACT).toBe(true);
  });

  test("a page that is loaded again, and one that comes late, begin with what there is", async () => {
    const { url } = await startPlayground();
    const page = await openRun(url, "late");
    const [a, b] = panesOf(page);
    await start(page);
    await untilWritten(a, 300);
    await page.reload();
    await untilWritten(a, 400);
    await untilWritten(b, 400);
    for (const pane of [a, b]) await pane.getByTestId("ask").waitFor(FACT);
    const asked = Number(await factOf(a, "events"));
    const late = await openRun(url, "late");
    for (const pane of panesOf(late)) {
      await pane.getByTestId("ask").waitFor(FACT);
      // It was given what had happened in one value.
      expect(Number(await factOf(pane, "events"))).toBe(0);
    }
    expect(asked).toBeGreaterThan(0);
    await answer(panesOf(late)[1], "plainly");
    await untilWhole(page, "plainly");
    await untilWhole(late, "plainly");
    expect(await factOf(panesOf(late)[0], "cursor")).toBe(await factOf(a, "cursor"));
  });

  test("the other pane cancels the run, which then stops for both", async () => {
    const { url } = await startPlayground();
    const page = await openRun(url, "stop");
    const [a, b] = panesOf(page);
    await start(page);
    await untilWritten(a, 200);
    await b.getByTestId("cancel").click();
    for (const pane of [a, b]) await untilRun(pane, "cancelled");
    for (const pane of [a, b]) await untilState(pane, "ended");
    const text = await textOf(a);
    expect(textOfRun(SEED, "plainly").startsWith(text)).toBe(true);
    expect(text.length).toBeLessThan(textOfRun(SEED, "plainly").length);
    expect(await textOf(b)).toBe(text);
    await page.getByTestId("start").click();
    await expect.poll(() => page.url(), FACT).not.toContain("run=stop");
    await untilRun(page.getByTestId("pane-a"), "running");
  });

  test("transports are switched while it writes: no word is lost or comes twice", async () => {
    const { url } = await startPlayground();
    const page = await openRun(url, "switch");
    const [a, b] = panesOf(page);
    await start(page, "20");
    const goOn = async (pane: Locator, transport: Transport, name: string) => {
      const before = (await textOf(pane)).length;
      await choose(pane, transport);
      await expect.poll(() => factOf(pane, "way-in-use"), FACT).toBe(name);
      await untilWritten(pane, before + 20);
    };
    await untilWritten(a, 30);
    await goOn(a, "websocket", "WebSocket");
    await goOn(b, "long-poll", "Long-poll");
    await goOn(a, "sse", "SSE");
    await goOn(b, "websocket", "WebSocket");
    await goOn(a, "long-poll", "Long-poll");
    await goOn(b, "native", "Native");
    await goOn(a, "native", "Native");
    await goOn(b, "sse", "SSE");
    await a.getByTestId("ask").waitFor(FACT);
    await choose(a, "websocket");
    await answer(a, "as a warning");
    await untilWhole(page, "as a warning");
  });

  test("the server is killed while it writes and while it waits: the text is whole, and not doubled", async () => {
    const { url, killAndStart } = await startPlayground();
    const page = await openRun(url, "killed");
    const other = await openRun(url, "killed");
    await choose(panesOf(other)[0], "websocket");
    await choose(panesOf(other)[1], "long-poll");
    await start(page);
    for (const pane of [...panesOf(page), ...panesOf(other)]) await untilWritten(pane, 200);
    await killAndStart();
    const [a, b] = panesOf(page);
    await untilWritten(a, 600);
    for (const pane of [...panesOf(page), ...panesOf(other)]) await pane.getByTestId("ask").waitFor(FACT);
    await killAndStart();
    // Answered while nobody may be there yet who has asked: the answer waits for the successor.
    await answer(b, "as a warning");
    await untilWhole(page, "as a warning");
    await untilWhole(other, "as a warning");
    await page.reload();
    await untilWhole(page, "as a warning");
  });

  test("the button restarts the server in the middle of a sentence, and the run goes on as the next generation", async () => {
    const { url } = await startPlayground();
    const page = await openRun(url, "restarted");
    const [a, b] = panesOf(page);
    await start(page);
    await untilWritten(a, 200);
    await page.getByTestId("restart").click();
    await expect
      .poll(async () => (await a.getByTestId("progress").innerText()).includes("generation 1"), FACT)
      .toBe(true);
    await expect.poll(() => page.getByTestId("restart").getAttribute("data-state"), FACT).toBe("idle");
    await a.getByTestId("ask").waitFor(FACT);
    await a.getByTestId("drop").click();
    await answer(b, "plainly");
    await untilWhole(page, "plainly");
  });

  test("at 390 px, by keyboard, in the dark", async () => {
    const { url } = await startPlayground();
    const browser = await openBrowser({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    const page = await openPlayground(browser, url, "#run=small", []);
    const [a, b] = panesOf(page);
    await untilState(a, "connected");
    await tabTo(page, page.getByTestId("seed"));
    await page.keyboard.press("Control+a");
    await page.keyboard.type(String(SEED));
    await page.keyboard.press("Enter");
    await tabTo(page, a.getByTestId("transport-native"));
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => factOf(a, "way-in-use"), FACT).toBe("WebSocket");
    await tabTo(page, a.getByTestId("steer"));
    await page.keyboard.type("By keyboard.");
    await page.keyboard.press("Enter");
    await a.getByTestId("note").filter({ hasText: "By keyboard." }).waitFor(FACT);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await tabTo(page, page.locator('input[name="pane"]:checked'));
    await page.keyboard.press("ArrowRight");
    await b.waitFor({ state: "visible" });
    await tabTo(page, b.getByTestId("cancel"));
    await page.keyboard.press("Enter");
    await untilRun(b, "cancelled");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  });
});

async function openRun(url: string, id: string): Promise<Page> {
  const page = await openPlayground(await openBrowser(), url, `#run=${id}`, []);
  for (const pane of panesOf(page))
    await expect
      .poll(() => pane.getByTestId("run-status").getAttribute("data-state"), FACT)
      .not.toBe("unknown");
  return page;
}

function panesOf(page: Page): [Locator, Locator] {
  const [a, b] = PANES.map((pane) => page.getByTestId(pane));
  return [a as Locator, b as Locator];
}

/** Begins the run that the page is at. */
async function start(page: Page, pace = "60"): Promise<void> {
  await page.getByTestId("seed").fill(String(SEED));
  await page.getByTestId("pace").selectOption(pace);
  await page.getByTestId("start").click();
}

async function choose(pane: Locator, transport: Transport): Promise<void> {
  await pane.locator("label", { has: pane.page().getByTestId(`transport-${transport}`) }).click();
}

async function answer(pane: Locator, voice: string): Promise<void> {
  await pane.locator(`[data-answer="${voice}"]`).click();
}

async function textOf(pane: Locator): Promise<string> {
  return (await pane.getByTestId("text").textContent()) ?? "";
}

async function factOf(pane: Locator, fact: string): Promise<string> {
  return (await pane.getByTestId(fact).textContent()) ?? "";
}

async function untilWritten(pane: Locator, characters: number): Promise<void> {
  await expect.poll(async () => (await textOf(pane)).length, FACT).toBeGreaterThanOrEqual(characters);
}

async function untilState(pane: Locator, state: string): Promise<void> {
  await expect.poll(() => pane.getByTestId("status").getAttribute("data-state"), FACT).toBe(state);
}

async function untilRun(pane: Locator, status: string): Promise<void> {
  await expect.poll(() => pane.getByTestId("run-status").getAttribute("data-state"), FACT).toBe(status);
}

/** Waits until both panes have read the run to its end, and looks at what they have. */
async function untilWhole(page: Page, voice: string): Promise<void> {
  for (const pane of panesOf(page)) {
    await untilRun(pane, "done");
    await untilState(pane, "ended");
    expect(await textOf(pane)).toBe(textOfRun(SEED, voice));
    expect(await factOf(pane, "duplicates")).toBe("0");
    expect(await factOf(pane, "gaps")).toBe("0");
  }
}
