import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { browserMissing } from "./browser.ts";
import {
  openBrowser,
  openPlayground,
  startPlayground,
  tabTo,
  untilShown,
  untilState,
} from "./playground-page.ts";

const PANES = ["pane-a", "pane-b"] as const;
const HASH = "#rich=test";

/** The content of a pane's editor as HTML, without the carets of others and what the browser needs to show it. */
async function readHtml(pane: Locator): Promise<string> {
  return pane.locator(".rich-content").evaluate((content) => {
    const copy = content.cloneNode(true) as Element;
    for (const other of copy.querySelectorAll(
      ".rich-caret, .ProseMirror-separator, .ProseMirror-trailingBreak",
    ))
      other.remove();
    for (const shown of copy.querySelectorAll(".rich-selection")) shown.replaceWith(...shown.childNodes);
    return copy.innerHTML;
  });
}

const untilHtml = (page: Page, html: string) => untilShown(page, PANES, readHtml, html);

async function enterAtEnd(page: Page, pane: string): Promise<void> {
  await page.getByTestId(pane).getByTestId("editor").click();
  await page.keyboard.press("Control+End");
}

/** A tool gives the focus back to the text with the next frame; what is typed before that is lost. */
async function untilEditing(page: Page, pane: string): Promise<void> {
  const editor = await page.getByTestId(pane).getByTestId("editor").elementHandle();
  await page.waitForFunction((each) => each?.contains(document.activeElement), editor);
}

describe.skipIf(browserMissing)("the playground's rich text", () => {
  test("two users write with marks; it survives a reload, a killed server and time away", async () => {
    const { url, killAndStart } = await startPlayground();
    const page = await openPlayground(await openBrowser(), url, HASH, PANES);
    const [a, b] = [page.getByTestId("pane-a"), page.getByTestId("pane-b")];
    const names = [await a.locator("h2").innerText(), await b.locator("h2").innerText()] as const;

    await enterAtEnd(page, "pane-a");
    await page.keyboard.type("plain ");
    await a.getByTestId("tool-bold").click();
    await untilEditing(page, "pane-a");
    expect(await a.getByTestId("tool-bold").getAttribute("aria-pressed")).toBe("true");
    await page.keyboard.type("bold");
    await untilHtml(page, "<p>plain <strong>bold</strong></p>");
    await b.locator(".rich-caret-name", { hasText: names[0] }).waitFor();
    await enterAtEnd(page, "pane-b");
    await page.keyboard.press("Enter");
    await b.getByTestId("tool-bullet-list").click();
    await untilEditing(page, "pane-b");
    await page.keyboard.press("Control+i");
    await page.keyboard.type("from b");
    const both = "<p>plain <strong>bold</strong></p><ul><li><p><em>from b</em></p></li></ul>";
    await untilHtml(page, both);
    await a.locator(".rich-caret-name", { hasText: names[1] }).waitFor();
    for (const pane of PANES) await untilState(page, pane, "save-state", "saved");
    await a.locator('[data-type="sync-status"]', { hasText: "saved" }).first().waitFor();

    await page.reload();
    await untilHtml(page, both);

    await killAndStart();
    await untilState(page, "pane-a", "synced", "synced");
    await untilState(page, "pane-b", "synced", "synced");
    await enterAtEnd(page, "pane-a");
    await page.keyboard.type("!");
    const after = both.replace("from b", "from b!");
    await untilHtml(page, after);

    await a.getByTestId("disconnect").click();
    await untilState(page, "pane-a", "status", "disconnected");
    await enterAtEnd(page, "pane-a");
    await page.keyboard.type(" away");
    await untilState(page, "pane-a", "save-state", "offline");
    await b.getByTestId("editor").click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.type("Here: ");
    expect(await readHtml(a)).toBe(after.replace("from b!", "from b! away"));
    await a.getByTestId("connect").click();
    const merged = after.replace("from b!", "from b! away").replace("plain", "Here: plain");
    await untilHtml(page, merged);
    await untilState(page, "pane-a", "save-state", "saved");

    // The own words go, those of the other stay.
    await b.getByTestId("tool-undo").click();
    await untilHtml(page, merged.replace("Here: ", ""));
    await untilState(page, "pane-b", "save-state", "saved");

    const fresh = await openPlayground(await openBrowser(), url, HASH, PANES);
    await untilHtml(fresh, merged.replace("Here: ", ""));
  }, 180_000);

  test("works at 390 px, by keyboard, in the dark", async () => {
    const { url } = await startPlayground();
    const browser = await openBrowser({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    const page = await openPlayground(browser, url, HASH, PANES);
    const pane = page.getByTestId("pane-a");
    await tabTo(page, pane.getByTestId("tool-heading"));
    await page.keyboard.press("Enter");
    await untilEditing(page, "pane-a");
    await page.keyboard.type("By keyboard");
    await untilHtml(page, "<h2>By keyboard</h2>");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await page.keyboard.press("Tab");
    expect(await pane.getByTestId("editor").evaluate((each) => each === document.activeElement)).toBe(false);
  }, 120_000);
});
