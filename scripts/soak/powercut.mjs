// Cuts the power of a machine that commits, again and again, and checks that every acknowledged commit is there.
//
// A process commits to a store on an ext4 file system in a file, and tells each acknowledgement. At a random instant the
// file is copied: the copy is what a disk holds when the power goes. The copy is mounted and opened by another process
// under another boot id, as after a restart. Needs root on Linux. Exits 1 when anything is lost.
//
// Usage: node scripts/soak/powercut.mjs [--cuts 50]
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createDiskImage } from "../powercut/disk-image.mjs";

const IMAGE_MIB = 64;
/** How long a store may be written before it starts afresh, in cuts: keeps the image from filling up. */
const CUTS_PER_IMAGE = 10;
const script = (name) => fileURLToPath(new URL(`../powercut/${name}`, import.meta.url));
const { values } = parseArgs({ options: { cuts: { type: "string", default: "50" } } });
const cuts = Number(values.cuts);
const directory = mkdtempSync(join(tmpdir(), "plexline-powercut-"));

function startWriter(store, acked) {
  const writer = spawn(process.execPath, [script("writer.mjs"), store], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: writer.stdout }).on("line", (line) => {
    const [topic, offset] = line.split(" ");
    acked.set(topic, Number(offset));
  });
  return writer;
}

/** Opens a copy in a mount namespace of its own, where the machine has another boot id. */
function readAfterRestart(copy) {
  const bootId = join(directory, "boot_id");
  writeFileSync(bootId, randomUUID());
  const restart = `mount --bind "$1" /proc/sys/kernel/random/boot_id && exec "$2" "$3" "$4"`;
  const store = join(copy.directory, "store");
  const args = ["-m", "sh", "-c", restart, "sh", bootId, process.execPath, script("reader.mjs"), store];
  return JSON.parse(execFileSync("unshare", args, { encoding: "utf8" }));
}

/** Copies the disk at this instant. The writer stands still meanwhile, because copying takes longer than an instant. */
function cutPower(image, writer, acked) {
  const promised = new Map(acked);
  process.kill(writer.pid, "SIGSTOP");
  const copy = image.copyTo(join(directory, "copy.img"));
  process.kill(writer.pid, "SIGCONT");
  try {
    copy.mount();
    const found = readAfterRestart(copy);
    const lost = [...promised].reduce(
      (sum, [topic, offset]) => sum + Math.max(0, offset - (found[topic]?.head ?? 0)),
      0,
    );
    const unsound = Object.values(found).filter(({ sound }) => !sound).length;
    const total = [...promised.values()].reduce((sum, offset) => sum + offset, 0);
    return { total, lost, unsound };
  } finally {
    copy.remove();
  }
}

async function runImage(cutsOfImage) {
  const image = createDiskImage(join(directory, "disk.img"), IMAGE_MIB);
  const acked = new Map();
  const results = [];
  image.mount();
  const writer = startWriter(join(image.directory, "store"), acked);
  try {
    while (acked.size === 0 && writer.exitCode === null) await wait(10);
    for (let cut = 0; cut < cutsOfImage; cut += 1) {
      await wait(50 + Math.random() * 300);
      if (writer.exitCode !== null) throw new Error("The writer ended by itself.");
      results.push(cutPower(image, writer, acked));
    }
  } finally {
    const ended = once(writer, "exit");
    if (writer.exitCode === null && writer.kill("SIGKILL")) await ended;
    image.remove();
  }
  return results;
}

if (process.getuid?.() !== 0 || spawnSync("unshare", ["-m", "true"]).status !== 0) {
  process.stderr.write("Power cuts need root, mount and unshare: skipped.\n");
  process.exit(2);
}

try {
  const results = [];
  while (results.length < cuts)
    results.push(...(await runImage(Math.min(CUTS_PER_IMAGE, cuts - results.length))));
  const sum = (pick) => results.reduce((total, result) => total + pick(result), 0);
  const [total, lost, unsound] = [sum((r) => r.total), sum((r) => r.lost), sum((r) => r.unsound)];
  process.stdout.write(
    `power cuts ${cuts}  acknowledged commits checked ${total}  lost ${lost}  unsound logs ${unsound}\n`,
  );
  if (lost > 0 || unsound > 0) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
