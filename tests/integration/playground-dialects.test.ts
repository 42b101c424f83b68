import { fileURLToPath } from "node:url";
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

/** Where each dialect is, and what its log calls the user's own edit. */
const DIALECTS = {
  "y-websocket": { pane: "pane-a", edit: "update", saved: "saved" },
  Hocuspocus: { pane: "pane-b", edit: "update", saved: "saved" },
  Fabric: { pane: "pane-c", edit: "update", saved: "sent" },
  Draft: { pane: "pane-d", edit: "yjs-update", saved: "sent" },
  Combined: { pane: "pane-e", edit: "yjs:update", saved: "sent" },
} as const;
const PANES = Object.values(DIALECTS).map(({ pane }) => pane);
const HASH = "#dialects=test";
/** Topics of which some may be read only, or not at all. */
const ACCESS = fileURLToPath(new URL("./fixtures/playground-access.config.mjs", import.meta.url));

/** The text of a pane's editor, without the cursors of others that stand in it. */
async function readText(pane: Locator): Promise<string> {
  return pane.locator(".cm-line").evaluateAll((lines) =>
    lines
      .map((line) => {
        const copy = line.cloneNode(true) as Element;
        for (const other of copy.querySelectorAll(".cm-ySelectionCaret, .cm-placeholder")) other.remove();
        return copy.textContent ?? "";
      })
      .join("\n"),
  );
}

const untilText = (page: Page, panes: readonly string[], text: string) =>
  untilShown(page, panes, readText, text);

async function typeAtEnd(page: Page, pane: string, text: string): Promise<void> {
  await page.getByTestId(pane).getByTestId("editor").click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(text);
}

describe.skipIf(browserMissing)("the playground's dialects", () => {
  test("what is typed in each pane is in the four others, with cursors where the wire has them", async () => {
    const { url } = await startPlayground();
    const page = await openPlayground(await openBrowser(), url, HASH, PANES);
    const sockets: string[] = [];
    page.on("websocket", (socket) =>
      sockets.push(new URL(socket.url()).pathname + new URL(socket.url()).search),
    );
    await page.reload();
    for (const pane of PANES) await untilState(page, pane, "synced", "synced");
    const withoutSecrets = sockets.map((socket) =>
      socket.replace(/token=[^&]+/, "token").replace(/clientID=.+/, "clientID"),
    );
    expect(withoutSecrets.sort()).toEqual([
      "/api/ws?token",
      "/api/ws?type=yjs",
      "/ws/fabric?documentId=test&clientID",
      "/ws?token&draftId=test",
      "/yjs/test?token",
    ]);

    let text = "";
    for (const [name, { pane, edit, saved }] of Object.entries(DIALECTS)) {
      await typeAtEnd(page, pane, ` ${name}`);
      text += ` ${name}`;
      await untilText(page, PANES, text);
      await untilState(page, pane, "save-state", saved);
      const log = page.getByTestId(pane).getByTestId("wire-log");
      await log.locator(`[data-direction="out"][data-type="${edit}"]`, { hasText: '"' }).first().waitFor();
      await log.locator(`[data-direction="in"]`).first().waitFor();
      if (name === "Draft") continue;
      const person = await page.getByTestId(pane).locator("h2").innerText();
      for (const other of PANES.filter((each) => each !== pane && each !== DIALECTS.Draft.pane))
        await page.getByTestId(other).locator(".cm-ySelectionInfo", { hasText: person }).first().waitFor();
    }
    expect(await page.getByTestId(DIALECTS.Draft.pane).locator(".cm-ySelectionInfo").count()).toBe(0);

    await page.reload();
    await untilText(page, PANES, text);
  }, 180_000);

  test.each(Object.entries(DIALECTS))(
    "%s: what was written while away, and deleted, is merged when it returns",
    async (_name, { pane, saved }) => {
      const { url } = await startPlayground();
      const page = await openPlayground(await openBrowser(), url, HASH, PANES);
      const others = PANES.filter((each) => each !== pane);
      const other = others[0] as string;
      await typeAtEnd(page, pane, "begun");
      await untilText(page, PANES, "begun");

      await page.getByTestId(pane).getByTestId("disconnect").click();
      await untilState(page, pane, "status", "disconnected");
      await typeAtEnd(page, pane, ", then away");
      await page.keyboard.press("Control+Home");
      await page.keyboard.press("Delete");
      await untilState(page, pane, "save-state", "offline");
      await typeAtEnd(page, other, "\nmeanwhile");
      await untilText(page, others, "begun\nmeanwhile");
      expect(await readText(page.getByTestId(pane))).toBe("egun, then away");

      await page.getByTestId(pane).getByTestId("connect").click();
      await untilState(page, pane, "synced", "synced");
      // Both wrote behind the same letter; which comes first is Yjs's choice, and the same everywhere.
      await expect
        .poll(() => readText(page.getByTestId(pane)), { timeout: 30_000 })
        .toMatch(/^egun(?:, then away\nmeanwhile|\nmeanwhile, then away)$/);
      await untilText(page, PANES, await readText(page.getByTestId(pane)));
      await untilState(page, pane, "save-state", saved);

      await typeAtEnd(page, pane, "!");
      const merged = await readText(page.getByTestId(pane));
      await untilText(page, PANES, merged);
      const fresh = await openPlayground(await openBrowser(), url, HASH, PANES);
      await untilText(fresh, PANES, merged);
    },
    120_000,
  );

  test("the server is killed while all five write: each comes back by itself, and nothing is lost", async () => {
    const { url, killAndStart } = await startPlayground();
    const page = await openPlayground(await openBrowser(), url, HASH, PANES);
    await typeAtEnd(page, "pane-a", "before");
    await untilText(page, PANES, "before");
    const restarted = killAndStart();
    const words = PANES.map((pane) => `(${pane})`);
    for (const pane of PANES) await typeAtEnd(page, pane, `(${pane})`);
    await restarted;
    for (const pane of PANES) await untilState(page, pane, "synced", "synced");
    const read = async () => {
      const text = await readText(page.getByTestId("pane-a"));
      return words.filter((word) => text.split(word).length === 2);
    };
    await expect.poll(read, { timeout: 30_000 }).toEqual(words);
    await untilText(page, PANES, await readText(page.getByTestId("pane-a")));
  }, 180_000);

  test("works at 390 px, by keyboard, in the dark", async () => {
    const { url } = await startPlayground();
    const browser = await openBrowser({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    const page = await openPlayground(browser, url, HASH, PANES);
    let text = "";
    for (const [index, pane] of PANES.entries()) {
      if (index > 0) {
        await tabTo(page, page.locator('input[name="pane"]:checked'));
        await page.keyboard.press("ArrowRight");
      }
      await page.getByTestId(pane).waitFor({ state: "visible" });
      await tabTo(page, page.getByTestId(pane).getByTestId("editor"));
      await page.keyboard.press("Control+End");
      await page.keyboard.type(String(index));
      text += index;
      await untilText(page, PANES, text);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    }
  }, 120_000);
});

describe.skipIf(browserMissing)("the playground's dialects, refused", () => {
  test.each([
    ["#dialects=reading", PANES],
    ["#rich=reading", ["pane-a", "pane-b"]],
  ])(
    "whoever may only read is told so: %s",
    async (hash, panes) => {
      const { url } = await startPlayground(ACCESS);
      const page = await openPlayground(await openBrowser(), url, hash, panes);
      for (const name of panes) {
        const pane = page.getByTestId(name);
        const editor = pane.getByTestId("editor");
        // Where the wire does not tell it before, the first edit is refused.
        await editor.click();
        await page.keyboard.type("x");
        await pane.locator(".notice", { hasText: "You may read this document" }).waitFor();
        await untilState(page, name, "synced", "synced");
      }
    },
    120_000,
  );

  test("whoever may not open a document is told why, on each wire", async () => {
    const { url } = await startPlayground(ACCESS);
    const page = await openPlayground(await openBrowser(), url, "#dialects=closed", []);
    for (const pane of PANES) {
      const notice = page.getByTestId(pane).getByRole("alert");
      await notice.waitFor();
      expect(await notice.innerText()).toMatch(/^Refused\. .*(?:denied|may not|allow|access)/i);
    }
  }, 120_000);
});
