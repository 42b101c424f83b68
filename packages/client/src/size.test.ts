import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { ERROR_CODES } from "@plexline/protocol";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";

const BYTES_MAX = 9 * 1024;

let bundle: Uint8Array;
beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("./index.ts", import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2023",
    conditions: ["source"],
    write: false,
  });
  bundle = outputFiles[0]!.contents;
});

test("the client with the protocol is smaller than 9 KB, minified and compressed", () => {
  const bytes = gzipSync(bundle, { level: 9 }).length;
  expect(bytes, `${bytes} bytes`).toBeLessThan(BYTES_MAX);
});

test("a browser gets the texts of the errors that the client raises, and of no others", () => {
  const source = readdirSync(new URL(".", import.meta.url))
    .filter((name) => name.endsWith(".ts") && !name.includes(".test.") && !name.includes(".fixture."))
    .map((name) => readFileSync(new URL(name, import.meta.url), "utf8"))
    .join("\n");
  const given = [...source.matchAll(/new PlexlineError\(([^,)]*)/g)].map(([, text]) => text!);
  const raised = new Set(given.flatMap((text) => text.match(/[A-Z_]{4,}/g) ?? []));
  // Here the client brings a fix of its own.
  raised.delete("OPERATION_UNSUPPORTED");
  const text = new TextDecoder().decode(bundle);
  const present = Object.entries(ERROR_CODES).filter(([, { message }]) => text.includes(message));
  expect(present.map(([code]) => code).sort()).toEqual([...raised].sort());
});
