import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dataDirectorySecret } from "./secret.ts";

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "plexline-secret-")), "data");
});
afterEach(() => rm(join(directory, ".."), { recursive: true, force: true }));

test("a data directory has one secret, whoever asks first, for its owner alone", async () => {
  const secrets = await Promise.all([1, 2, 3, 4].map(() => dataDirectorySecret(directory)));
  expect(new Set(secrets).size).toBe(1);
  expect(secrets[0]?.length).toBeGreaterThanOrEqual(32);
  expect(await dataDirectorySecret(directory)).toBe(secrets[0]);
  expect((await stat(join(directory, "jwt-secret"))).mode & 0o077).toBe(0);
});
