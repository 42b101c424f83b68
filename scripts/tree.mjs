import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";

// What every check shares: the root, the files below it, and how findings are told.

const flag = process.argv.indexOf("--root");

/** The repository, or the tree named by `--root`. */
export const root = flag > 0 ? resolve(process.argv[flag + 1]) : resolve(import.meta.dirname, "..");

const SKIPPED = new Set(["node_modules", "dist", ".git", ".plexline", "coverage"]);

/** Paths below `folder` with one of these endings, relative to the root, with forward slashes, sorted. */
export function filesIn(folder, ...endings) {
  const found = [];
  const walk = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (SKIPPED.has(entry.name)) continue;
      const child = join(path, entry.name);
      if (entry.isDirectory()) walk(child);
      else if (endings.some((ending) => entry.name.endsWith(ending)))
        found.push(relative(root, child).split(sep).join("/"));
    }
  };
  try {
    walk(join(root, folder));
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  return found.sort();
}

/** The text of a file, or undefined if there is none. */
export function textOf(path) {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The line number of an index into a text. */
export function lineAt(text, index) {
  return text.slice(0, index).split("\n").length;
}

/** Whether a path belongs to a test: the test itself, or what several of them share. */
export function isTest(path) {
  return /\.(test|fixture)\.tsx?$/.test(path) || path.startsWith("tests/");
}

/** Prints what is wrong, or what was looked at, and ends the process accordingly. */
export function conclude(findings, lookedAt) {
  for (const finding of findings) console.log(finding);
  console.log(findings.length === 0 ? `${lookedAt}: ok` : `${lookedAt}: ${findings.length} wrong`);
  process.exit(findings.length === 0 ? 0 : 1);
}
