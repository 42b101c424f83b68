import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../scripts/soak/powercut.mjs", import.meta.url));
/** What the script ends with when this machine does not permit mounting. */
const NOT_PERMITTED = 2;

test("three power cuts lose nothing that was acknowledged", async (context) => {
  const soak = spawn(process.execPath, [SCRIPT, "--cuts", "3"]);
  let output = "";
  for (const stream of [soak.stdout, soak.stderr]) {
    stream.on("data", (text: Buffer) => {
      output += text.toString();
    });
  }
  const [code] = (await once(soak, "close")) as [number];
  if (code === NOT_PERMITTED) context.skip(output);
  expect(output).toMatch(
    /^power cuts 3 {2}acknowledged commits checked [1-9]\d* {2}lost 0 {2}unsound logs 0$/m,
  );
  expect(code).toBe(0);
});
