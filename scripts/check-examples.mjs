import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, TOOLS } from "./run.mjs";
import { conclude, root, textOf } from "./tree.mjs";

// What the documents show must compile. A block counts when its first line names its file: `// server.ts`. The blocks
// of one document are one program, because the later ones import the earlier ones.

const DOCUMENTS = ["README.md"];
const BLOCK = /```ts\n\/\/ ([\w-]+\.ts)\n([\s\S]*?)```/g;

const folder = join(root, "node_modules", ".plexline-examples");
const findings = [];
let blocks = 0;
for (const document of DOCUMENTS) {
  const home = join(folder, document.replace(/\W/g, "-"));
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  for (const [, name, code] of (textOf(document) ?? "").matchAll(BLOCK)) {
    writeFileSync(join(home, name), code);
    blocks += 1;
  }
  writeFileSync(
    join(home, "tsconfig.json"),
    JSON.stringify({
      extends: join(root, "tsconfig.check.json"),
      compilerOptions: { noUnusedLocals: false, allowImportingTsExtensions: true },
      include: ["*.ts"],
      exclude: [],
    }),
  );
  const { code, output } = await run([...TOOLS.tsc, "-p", home, "--pretty", "false"]);
  if (code !== 0) findings.push(`${document} has an example that does not compile:\n${output.trim()}`);
}
rmSync(folder, { recursive: true, force: true });
conclude(findings, `${blocks} examples`);
