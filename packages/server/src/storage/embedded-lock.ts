import { link, readFile, readlink, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlexlineError } from "@plexline/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";

/** Who owns a data directory. A process id alone is used again by other processes, so more is kept. */
interface Owner {
  readonly pid: number;
  /** When the process started, in clock ticks since the machine did; empty where the system does not tell. */
  readonly startedAt: string;
  readonly bootId: string;
  /** Processes of different containers cannot see one another, even with equal ids. */
  readonly pidNamespace: string;
  /** Tells apart two openings by one process. */
  readonly id: string;
}

/** The right to use a data directory. */
export interface DirectoryLock {
  /** Gives the directory back. */
  release(): Promise<void>;
}

const LOCK_FILE = "owner.json";
const RENEW_INTERVAL_MS = 5_000;
/** An owner in another container counts as gone when it has not renewed the lock for this long. */
const RENEW_DEADLINE_MS = 15_000;
const ATTEMPTS_MAX = 10;

/**
 * Takes the data directory for this process, or rejects with `STORAGE_UNAVAILABLE`, the owner's pid and the fix. The
 * lock of a process that has ended, or of an earlier boot, is taken over.
 */
export async function lockDirectory(options: {
  directory: string;
  random: Random;
  clock: Clock;
}): Promise<DirectoryLock> {
  const path = join(options.directory, LOCK_FILE);
  const own = await describeProcess(process.pid, options.random.id(9));
  const draft = join(options.directory, `.${LOCK_FILE}.${own.id}`);
  // The file gets its name only when it is complete, so that nobody reads half an owner.
  await writeFile(draft, JSON.stringify(own));
  try {
    await take(path, { directory: options.directory, draft, own, clock: options.clock });
  } finally {
    await rm(draft, { force: true });
  }
  return holdLock(path, own, options.clock);
}

interface Claim {
  readonly directory: string;
  /** A file that names `own`; it becomes the lock by getting the lock's name as well. */
  readonly draft: string;
  readonly own: Owner;
  readonly clock: Clock;
}

async function take(path: string, claim: Claim): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    if (await linked(claim.draft, path)) return;
    const owner = await readOwner(path);
    if (owner === undefined) continue;
    if (await isAlive(owner, claim.own, path, claim.clock)) throw inUse(claim.directory, owner.pid);
    await removeStale(path, owner, claim);
  }
  throw inUse(claim.directory, (await readOwner(path))?.pid ?? 0);
}

/**
 * Removes the lock of an owner that is gone. Two processes may find it stale and the slower one must not remove what
 * the faster one has put there since; so the right to remove this owner's lock is a lock of its own.
 */
async function removeStale(path: string, stale: Owner, claim: Claim): Promise<void> {
  const right = `${path}.${stale.id}`;
  await take(right, claim);
  try {
    if ((await readOwner(path))?.id === stale.id) await rm(path, { force: true });
  } finally {
    await rm(right, { force: true });
  }
}

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function isAlive(owner: Owner, own: Owner, path: string, clock: Clock): Promise<boolean> {
  if (owner.bootId !== own.bootId) return false;
  if (owner.pidNamespace !== own.pidNamespace) {
    const renewed = await stat(path).catch(() => undefined);
    return renewed !== undefined && clock.nowMs() - renewed.mtimeMs < RENEW_DEADLINE_MS;
  }
  if (!processExists(owner.pid)) return false;
  return owner.startedAt === (await startOf(owner.pid));
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

function holdLock(path: string, own: Owner, clock: Clock): DirectoryLock {
  let timer = clock.setTimer(renew, RENEW_INTERVAL_MS);
  function renew(): void {
    const now = new Date(clock.nowMs());
    // A full disk may refuse this; the next renewal makes up for it.
    utimes(path, now, now).catch(() => undefined);
    timer = clock.setTimer(renew, RENEW_INTERVAL_MS);
  }
  return {
    async release() {
      timer.cancel();
      if ((await readOwner(path))?.id === own.id) await rm(path, { force: true });
    },
  };
}

async function readOwner(path: string): Promise<Owner | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const nobody: Owner = { pid: 0, startedAt: "", bootId: "unknown", pidNamespace: "", id: "" };
  try {
    return { ...nobody, ...(JSON.parse(text) as Partial<Owner>) };
  } catch {
    // A power cut may leave the file empty; whoever wrote it is gone.
    return nobody;
  }
}

async function describeProcess(pid: number, id: string): Promise<Owner> {
  const bootId = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  const pidNamespace = await readlink("/proc/self/ns/pid").catch(() => "");
  return { pid, startedAt: await startOf(pid), bootId: bootId.trim(), pidNamespace, id };
}

/** When a process started: field 22 of its status line, counted after its name, which may hold spaces. */
async function startOf(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return status.slice(status.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function inUse(directory: string, pid: number): PlexlineError {
  return new PlexlineError("STORAGE_UNAVAILABLE", {
    message: `The data directory ${directory} is in use by process ${pid}.`,
    fix: `Stop process ${pid}, or give this server a directory of its own (--data, PLEXLINE_DATA).`,
  });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
