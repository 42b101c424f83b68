import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

/** Debian's Chromium, or the one that PLEXLINE_CHROMIUM names. */
const EXECUTABLE = process.env.PLEXLINE_CHROMIUM ?? "/usr/bin/chromium";

/** Why browser tests cannot run here; undefined when they can. */
export const browserMissing = existsSync(EXECUTABLE) ? undefined : `no browser at ${EXECUTABLE}`;

/** A browser profile of its own, with what the test needs to know about the page. */
export interface Browser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** Starts Chromium with an empty profile and nothing that talks to the outside. */
export async function launchBrowser(
  options: { viewport?: { width: number; height: number }; colorScheme?: "light" | "dark" } = {},
): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "plexline-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    headless: true,
    viewport: options.viewport ?? { width: 1280, height: 800 },
    colorScheme: options.colorScheme ?? "light",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  return {
    context,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
