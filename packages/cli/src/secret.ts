import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

const FILE = "jwt-secret";
const SECRET_BYTES = 32;

/** The secret of a data directory: made on first use, readable by its owner alone, the same after a restart. */
export async function dataDirectorySecret(directory: string): Promise<string> {
  const path = join(directory, FILE);
  const existing = await readSecret(path);
  if (existing) return existing;
  await mkdir(directory, { recursive: true });
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(draft, randomBytes(SECRET_BYTES).toString("base64url"), { mode: 0o600 });
  try {
    // A link appears whole or not at all: of processes that start at once, one wins and the others read what it wrote.
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await unlink(draft);
  }
  return (await readSecret(path)) as string;
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
