import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, TOOLS } from "./run.mjs";

// Runs the tests and ends with one line, `N passed, N failed`, for the whole run. Arguments go to vitest:
// `npm test -- --project integration`. With CI=true a skipped test counts as a failure, because nobody looks at it, and only
// what failed is printed: the log of a run that nobody watches is read from its end.

const folder = mkdtempSync(join(tmpdir(), "plexline-test-"));
const file = join(folder, "report.json");
const isStrict = process.env.CI === "true";
const reporters = [
  `--reporter=${isStrict ? "minimal" : "default"}`,
  "--reporter=json",
  `--outputFile.json=${file}`,
];
const { code } = await run([...TOOLS.vitest, "run", ...reporters, ...process.argv.slice(2)], { show: true });

const report = readReport();
rmSync(folder, { recursive: true, force: true });
const files = report?.testResults ?? [];
const tests = files.flatMap(({ name, assertionResults }) =>
  assertionResults.map((test) => ({ ...test, file: name })),
);
const of = (...states) => tests.filter(({ status }) => states.includes(status));
const passed = of("passed").length;
const skipped = of("skipped", "pending", "todo", "disabled");
// A file that cannot be loaded has no tests to fail, and must not pass for that.
const broken = files.filter(
  ({ status, assertionResults }) => status === "failed" && !assertionResults.some(isFailed),
);

for (const { name } of broken) console.log(`not loaded, or failed outside its tests: ${name}`);
for (const { file: name, fullName } of skipped) console.log(`skipped: ${fullName} (${name})`);
for (const { file: name, fullName } of of("failed")) console.log(`failed: ${fullName} (${name})`);
let failed = of("failed").length + broken.length + (isStrict ? skipped.length : 0);
if (code !== 0 && failed === 0) {
  console.log(`vitest ended with code ${code} although no test failed: see above`);
  failed = 1;
}
if (tests.length === 0 && failed === 0) {
  console.log("no tests were found");
  failed = 1;
}
console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
process.exit(failed === 0 ? 0 : 1);

function readReport() {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // vitest ended before it could write: its exit code says so.
    return undefined;
  }
}

function isFailed({ status }) {
  return status === "failed";
}
