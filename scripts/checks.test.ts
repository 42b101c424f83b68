import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";

// Each check is shown a small tree with a fault planted in it: a check that finds nothing proves nothing.

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function check(script: string, files: Record<string, string>): { code: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), "plexline-checks-"));
  folders.push(folder);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, script), "--root", folder],
    {
      encoding: "utf8",
    },
  );
  return { code: status, output: stdout + stderr };
}

const manifest = (name: string, extra: object = {}) =>
  JSON.stringify({ name: `@plexline/${name}`, exports: { ".": { source: "./src/index.ts" } }, ...extra });
const PACKAGES = {
  "packages/protocol/package.json": manifest("protocol"),
  "packages/server/package.json": manifest("server", { dependencies: { ws: "1" } }),
  "packages/client/package.json": manifest("client"),
  "packages/features/package.json": manifest("features", { peerDependencies: { yjs: "13" } }),
};

describe("check-imports", () => {
  test.each([
    [
      "packages/protocol/src/a.ts",
      'import { x } from "@plexline/server";',
      "does not import @plexline/server",
    ],
    ["packages/protocol/src/a.ts", 'import { readFile } from "node:fs";', "no Node modules"],
    [
      "packages/client/src/a.ts",
      'import type { X } from "@plexline/server";',
      "does not import @plexline/server",
    ],
    [
      "packages/client/src/a.ts",
      'const x = await import("@plexline/server");',
      "does not import @plexline/server",
    ],
    [
      "packages/server/src/storage/a.ts",
      'import type { X } from "../session/b.ts";',
      "storage is downstream of session",
    ],
    [
      "packages/server/src/session/a.ts",
      'import { x } from "../server.ts";',
      "do not import the files that compose",
    ],
    ["packages/server/src/session/a.ts", 'import x from "left-pad";', "not among the dependencies"],
    ["packages/server/src/session/a.ts", 'import * as Y from "yjs";', "Yjs belongs to clients"],
    [
      "packages/server/src/session/a.ts",
      'import { x } from "../../../protocol/src/a.ts";',
      "leaves the package",
    ],
    ["packages/server/src/session/a.ts", 'import { x } from "./b";', "file's extension"],
    ["packages/server/src/session/a.ts", 'import { x } from "./b.test.ts";', "does not import tests"],
    [
      "packages/server/src/session/a.ts",
      'import { x } from "@plexline/protocol/inner";',
      "does not export that path",
    ],
    ["packages/features/src/doc/a.ts", 'import { x } from "@plexline/server";', 'only "import type"'],
    ["packages/features/src/doc/a.ts", 'import {\n  x,\n} from "@plexline/client";', 'only "import type"'],
    ["packages/features/src/doc/a.ts", 'export { x } from "../stream/b.ts";', "never import each other"],
    [
      "packages/features/src/doc/a.ts",
      'export { x } from "../stream/protocol.ts";',
      "never import each other",
    ],
    [
      "packages/features/src/doc/dialects/a.ts",
      'export { x } from "../../stream/room.ts";',
      "never import each other",
    ],
    ["packages/features/src/doc/a.ts", 'import * as Y from "yjs";', "Yjs belongs to clients"],
    ["packages/features/src/doc/worker/thread.ts", 'import * as Y from "yjs";', "Yjs belongs to clients"],
    ["packages/features/src/doc/a.ts", 'import { compact } from "./worker/compact.ts";', "brings Yjs along"],
    ["packages/features/src/doc/worker/worker-host.ts", 'import "./thread.ts";', "runs in a worker thread"],
    [
      "packages/features/src/doc/a-worker.ts",
      'import { Worker } from "node:worker_threads";',
      "no Node modules",
    ],
  ])("in %s, %s is found", (path, text, finding) => {
    const { code, output } = check("check-imports.mjs", { ...PACKAGES, [path]: `// first\n${text}\n` });
    expect(output).toContain(finding);
    expect(code).toBe(1);
  });

  test("imports that point downstream pass, and so do those of tests and in comments", () => {
    const { code, output } = check("check-imports.mjs", {
      ...PACKAGES,
      "packages/server/src/server.ts": 'import { a } from "./session/a.ts";',
      "packages/server/src/session/a.ts": 'import WebSocket from "ws";\nimport { b } from "../storage/b.ts";',
      "packages/server/src/storage/b.test.ts":
        'import { s } from "../session/a.ts";\nimport { e } from "vitest";',
      "packages/features/src/doc/a.ts":
        '/**\n * import { x } from "@plexline/server";\n */\nimport type { X } from "@plexline/server";\nimport { y } from "@plexline/protocol";',
      "packages/features/src/client.ts":
        'import { y } from "@plexline/client";\nimport { d } from "./doc/a.ts";',
      "packages/features/src/doc/worker/thread.ts":
        'import { parentPort } from "node:worker_threads";\nimport { compact } from "./compact.ts";',
      "packages/features/src/doc/worker/worker-host.ts": 'import { Worker } from "node:worker_threads";',
      "packages/features/src/doc/worker/compact.ts": 'import * as Y from "yjs";',
      "packages/features/src/doc/worker/compact.test.ts": 'import { compact } from "./compact.ts";',
    });
    expect(output).toContain("imports of 9 files: ok");
    expect(code).toBe(0);
  });
});

describe("check-exports", () => {
  test("a path that does not exist is found, in dist only once something was built", () => {
    const exports = { ".": { source: "./src/index.ts", default: "./dist/index.js" } };
    const files = {
      "packages/client/package.json": JSON.stringify({ exports }),
      "packages/client/src/index.ts": "",
    };
    expect(check("check-exports.mjs", files).code).toBe(0);
    const built = check("check-exports.mjs", { ...files, "packages/client/dist/other.js": "" });
    expect(built.output).toContain("names ./dist/index.js, which does not exist");
    const unwritten = check("check-exports.mjs", {
      "packages/client/package.json": JSON.stringify({ exports }),
    });
    expect(unwritten.output).toContain("names ./src/index.ts, which does not exist");
  });
});

describe("check-docs", () => {
  test.each([
    [{ "README.md": "[a](docs/none.md)" }, "README.md:1 links to docs/none.md, which does not exist"],
    [{ "README.md": "# One\n\n[a](#two)" }, "README.md:3 links to #two, but that page has no such heading"],
    [{ "README.md": "```ts\nconst = 1;\n```" }, "README.md:2 has an example that does not parse"],
    [{ "packages/a/src/a.ts": "const { PORT } = env;\nenv.PORT_TWO;" }, "the environment variable PORT_TWO"],
    [
      { "packages/server/src/options.ts": "interface A {\n  readonly fooMax?: number;\n}" },
      "the limit fooMax",
    ],
    [{ "packages/a/src/a.test.ts": 'test("it is [Q7]", () => {})' }, "the rule Q7"],
    [{ "packages/a/src/a.test.ts": 'test.each([1])("it is [Q7, Q8]", () => {})' }, "the rule Q8"],
    [
      { "packages/a/src/a.ts": 'metrics.counter({ name: "b_total", help: "" })' },
      "registers plexline_b_total",
    ],
  ])("%o is found", (files, finding) => {
    const { code, output } = check("check-docs.mjs", files);
    expect(output).toContain(finding);
    expect(code).toBe(1);
  });

  test("documents that say what the code says pass", () => {
    const { code, output } = check("check-docs.mjs", {
      "README.md": "# One & two\n\n[a](#one--two) [b](docs/configuration.md#port) [c](https://example.com)",
      "docs/configuration.md": "## PORT\n\n`fooMax`",
      "PROTOCOL.md": "- **Q7.** A rule.",
      "packages/server/src/options.ts": "interface A {\n  readonly fooMax?: number;\n}",
      "packages/a/src/a.ts": "process.env.PORT;",
      "packages/a/src/a.test.ts": 'test("it is [Q7]", () => {})',
    });
    expect(output).toContain("3 documents: ok");
    expect(code).toBe(0);
  });
});

describe("tidy", () => {
  // Written in pieces, or this file would be found itself.
  test.each([
    ["finish it", "packages/a/src/a.ts", `// TO${"DO"} later`],
    ["use the logger", "packages/a/src/a.ts", "console.log(1);"],
    ["use unknown", "packages/a/src/a.ts", `let x: ${"any"};`],
    ["run one file", "packages/a/src/a.test.ts", `test.on${"ly"}("x", () => {});`],
    [
      "wait for the fact",
      "packages/a/src/a.test.ts",
      `new Promise((resolve) => ${"setTimeout"}(resolve, 5));`,
    ],
    ["paths of one machine", "docs/a.md", `see ${"/ho"}me/ada/x`],
    ["split it below 400", "packages/a/src/a.ts", "x;\n".repeat(401)],
    ["split it below 600", "packages/a/src/a.test.ts", "x;\n".repeat(601)],
  ])("what breaks a rule is found, with advice: %s (%s)", (finding, path, text) => {
    const { code, output } = check("tidy.mjs", { [path]: text });
    expect(output).toContain(finding);
    expect(code).toBe(1);
  });

  test("ordinary code and prose pass", () => {
    const { code, output } = check("tidy.mjs", {
      "packages/a/src/a.ts": "x;\n".repeat(400),
      "packages/cli/src/a.ts": "console.log(1);",
      "docs/a.md": "in any case: any of them, see https://example.com/home/x",
    });
    expect(output).toContain("tidiness of 3 files: ok");
    expect(code).toBe(0);
  });
});
