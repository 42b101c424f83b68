import type { Locator, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { type Browser, launchBrowser } from "./browser.ts";
import { type CliServer, startCli, temporaryDirectory } from "./cli-fixture.ts";

const FACT = { timeout: 30_000 };

/**
 * A server of the test's own that can be killed and comes back on the same port with the same data; `config` is the path of a
 * `plexline.config`.
 */
export async function startPlayground(
  config?: string,
): Promise<{ readonly url: string; killAndStart(): Promise<void> }> {
  const args = config === undefined ? [] : ["--config", config];
  const data = await temporaryDirectory();
  onTestFinished(() => data.remove());
  let server: CliServer = await startCli({ data: data.path, args });
  onTestFinished(async () => void (await server.stop()));
  const { url, port } = server;
  return {
    url,
    async killAndStart() {
      await server.stop("SIGKILL");
      server = await startCli({ data: data.path, port, args });
    },
  };
}

export async function openBrowser(...options: Parameters<typeof launchBrowser>): Promise<Browser> {
  const browser = await launchBrowser(...options);
  onTestFinished(() => browser.close());
  return browser;
}

/** Opens a page of the playground and waits until these panes hold what the server has. An error in the page fails the test. */
export async function openPlayground(
  browser: Browser,
  url: string,
  hash: string,
  panes: readonly string[],
): Promise<Page> {
  const page = await browser.context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  onTestFinished(() => expect(errors).toEqual([]));
  await page.goto(`${url}/playground/${hash}`);
  for (const pane of panes) await untilState(page, pane, "synced", "synced");
  return page;
}

/** Waits until a badge of a pane stands at a state. */
export async function untilState(
  page: Page,
  pane: string,
  badge: "status" | "save-state" | "synced",
  state: string,
): Promise<void> {
  const element = page.getByTestId(pane).getByTestId(badge);
  await expect.poll(() => element.getAttribute("data-state"), FACT).toBe(state);
}

/** Waits until every pane shows the text, read by `read`. */
export async function untilShown<Shown>(
  page: Page,
  panes: readonly string[],
  read: (pane: Locator) => Promise<Shown>,
  shown: Shown,
): Promise<void> {
  for (const pane of panes) await expect.poll(() => read(page.getByTestId(pane)), FACT).toEqual(shown);
}

/** Tabs until an element has the focus. */
export async function tabTo(page: Page, element: Locator): Promise<void> {
  const isFocused = () => element.evaluate((each) => each === document.activeElement);
  for (let presses = 0; presses < 80; presses += 1) {
    if (await isFocused()) return;
    await page.keyboard.press("Tab");
  }
  expect(await isFocused()).toBe(true);
}
