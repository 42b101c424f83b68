import { existsSync } from "node:fs";
import { join } from "node:path";
import { conclude, filesIn, root, textOf } from "./tree.mjs";

// Every path that a package promises under `exports` and `bin` exists: in src always, in dist once it was built.

const findings = [];
let count = 0;
for (const path of filesIn("packages", "package.json")) {
  const folder = path.slice(0, -"/package.json".length);
  const manifest = JSON.parse(textOf(path));
  const built = existsSync(join(root, folder, "dist"));
  const promise = (what, target) => {
    count += 1;
    if (target.startsWith("./dist/") && !built) return;
    if (!existsSync(join(root, folder, target)))
      findings.push(`${path}: ${what} names ${target}, which does not exist`);
  };
  for (const [name, conditions] of Object.entries(manifest.exports ?? {})) {
    for (const [condition, target] of Object.entries(conditions))
      promise(`exports "${name}" (${condition})`, target);
  }
  const bins = typeof manifest.bin === "string" ? { [manifest.name]: manifest.bin } : (manifest.bin ?? {});
  for (const [name, target] of Object.entries(bins))
    promise(`bin "${name}"`, target.startsWith("./") ? target : `./${target}`);
}
conclude(findings, `${count} exported paths`);
