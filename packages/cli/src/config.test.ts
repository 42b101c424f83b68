import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "./config.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "plexline-config-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test("without a file the configuration is empty", async () => {
  expect(await loadConfig(directory)).toEqual({});
});

test("plexline.config.mjs is found, and a file that is named goes before it", async () => {
  await writeFile(join(directory, "plexline.config.mjs"), "export default { resources: 'strict' };");
  await writeFile(join(directory, "other.mjs"), "export default { resources: 'auto' };");
  expect(await loadConfig(directory)).toEqual({ resources: "strict" });
  expect(await loadConfig(directory, "other.mjs")).toEqual({ resources: "auto" });
});

test.each([
  { text: "export const topics = {};", says: "no default export" },
  { text: "export default {", says: "could not be loaded" },
])("a broken file is refused by its name: $says", async ({ text, says }) => {
  await writeFile(join(directory, "broken.mjs"), text);
  await expect(loadConfig(directory, "broken.mjs")).rejects.toThrow(/broken\.mjs/);
  await expect(loadConfig(directory, "broken.mjs")).rejects.toThrow(says);
});
