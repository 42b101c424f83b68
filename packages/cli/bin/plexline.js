#!/usr/bin/env node
// npm links only what exists when it installs, so this file is committed and the build comes after it.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  process.stderr.write("plexline has not been built yet. Run: npm run build\n");
  process.exitCode = 1;
}
