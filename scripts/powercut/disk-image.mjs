import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";

const run = (command, ...args) => execFileSync(command, args, { stdio: ["ignore", "pipe", "pipe"] });

/**
 * A file system in a file. What a program has flushed is in the file; what only the system's memory holds is not: a
 * copy of the file is what a disk holds after a power cut.
 */
export function createDiskImage(path, sizeMiB) {
  run("truncate", "-s", `${sizeMiB}M`, path);
  run("mkfs.ext4", "-q", "-F", path);
  return openDiskImage(path);
}

function openDiskImage(path) {
  const directory = `${path}.mounted`;
  let mounted = false;
  return {
    directory,
    mount() {
      mkdirSync(directory, { recursive: true });
      run("mount", "-o", "loop", path, directory);
      mounted = true;
    },
    copyTo(copy) {
      copyFileSync(path, copy);
      return openDiskImage(copy);
    },
    /** Unmounts, which also frees the loop device, and deletes. */
    remove() {
      if (mounted) run("umount", directory);
      mounted = false;
      rmSync(directory, { recursive: true, force: true });
      rmSync(path, { force: true });
    },
  };
}
