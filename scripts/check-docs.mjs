import { existsSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { transformSync } from "esbuild";
import { conclude, filesIn, isTest, lineAt, root, textOf } from "./tree.mjs";

// Code and documents say the same: settings, limits, metrics, rule ids, links, examples.

const findings = [];
const documents = new Map(filesIn(".", ".md").map((path) => [path, textOf(path)]));
const sources = filesIn("packages", ".ts", ".tsx").map((path) => ({ path, text: textOf(path) }));
const code = sources.filter(({ path }) => !isTest(path) && path.split("/")[2] === "src");

checkEnvironment();
checkLimits();
await checkMetrics();
checkRules();
for (const [path, text] of documents) {
  checkLinks(path, text);
  checkExamples(path, text);
}
conclude(findings, `${documents.size} documents`);

/** Every environment variable that the code reads is explained. */
function checkEnvironment() {
  const READ = /\b(?:process\.)?env(?:\.([A-Z][A-Z0-9_]+)|\[["']([A-Z][A-Z0-9_]+)["']\])/g;
  const names = new Set(
    code.flatMap(({ text }) => [...text.matchAll(READ)].map((match) => match[1] ?? match[2])),
  );
  for (const name of names) requireWord("docs/configuration.md", name, "the environment variable");
}

/** Every limit of the engine and every option that is a limit is explained. */
function checkLimits() {
  const OPTION = /^\s+(?:readonly )?(\w+(?:Max|Ms|Bytes))\??:/gm;
  for (const path of ["packages/server/src/options.ts", "packages/server/src/platform/limits.ts"]) {
    const names = new Set([...(textOf(path) ?? "").matchAll(OPTION)].map((match) => match[1]));
    for (const name of names) requireWord("docs/configuration.md", name, "the limit");
  }
}

/** Every metric is explained: the engine's in docs/metrics.md, a feature's there or beside its code. */
async function checkMetrics() {
  const { METRICS, METRIC_PREFIX } = await engineMetrics();
  const page = documents.get("docs/metrics.md") ?? "";
  for (const { name, type, labels = [], help } of Object.values(METRICS)) {
    const row = `| \`${METRIC_PREFIX}${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ") || "–"} | ${help} |`;
    if (!page.includes(row)) findings.push(`docs/metrics.md lacks the row ${row}`);
  }
  for (const [, name] of page.matchAll(/^\| `plexline_(\w+)` \|/gm)) {
    const isKnown =
      Object.values(METRICS).some((metric) => metric.name === name) || registeredMetrics().has(name);
    if (!isKnown) findings.push(`docs/metrics.md lists plexline_${name}, which does not exist`);
  }
  const pages = [...documents].filter(([document]) => /^docs\/|^packages\/features\//.test(document));
  for (const [name, where] of registeredMetrics()) {
    if (!pages.some(([, text]) => text.includes(METRIC_PREFIX + name))) {
      findings.push(`${where} registers ${METRIC_PREFIX}${name}, which no document explains`);
    }
  }
}

/** The table itself, run as the script it is once its types are gone. */
async function engineMetrics() {
  const table = textOf("packages/server/src/telemetry/metrics.ts");
  if (table === undefined) return { METRICS: {}, METRIC_PREFIX: "plexline_" };
  const script = transformSync(table, { loader: "ts", format: "esm" }).code;
  return import(`data:text/javascript,${encodeURIComponent(script)}`);
}

function registeredMetrics() {
  const REGISTERED = /metrics\.(?:counter|gauge|histogram)\(\s*\{\s*name:\s*"(\w+)"/gi;
  const found = code
    .filter(({ path }) => !path.includes("/telemetry/"))
    .flatMap(({ path, text }) =>
      [...text.replace(/^\s*\*.*$/gm, "").matchAll(REGISTERED)].map((match) => [match[1], path]),
    );
  return new Map(found);
}

/** Every rule id in the name of a test is a rule of a PROTOCOL.md, or of another page that lies beside the code. */
function checkRules() {
  const protocols = [...documents].filter(
    ([path]) => path.endsWith("PROTOCOL.md") || /^packages\/[\w-]+\/src\//.test(path),
  );
  const rules = new Set(
    protocols.flatMap(([, text]) =>
      [...text.matchAll(/\*\*([A-Z]{1,4}-?\d+[a-z]?)\.?\*\*/g)].map((match) => match[1]),
    ),
  );
  const NAME = /\b(?:test|it|describe)(?:\.\w+)*(?:\([^"'`]*\))?\(\s*(["'`])((?:\\.|(?!\1)[\s\S])*)\1/g;
  const tests = [...sources, ...filesIn("tests", ".ts").map((path) => ({ path, text: textOf(path) }))];
  for (const { path, text } of tests.filter((file) => isTest(file.path))) {
    for (const match of text.matchAll(NAME)) {
      for (const [, list] of match[2].matchAll(
        /\[([A-Z]{1,4}-?\d+[a-z]?(?:,\s*[A-Z]{1,4}-?\d+[a-z]?)*)\]/g,
      )) {
        for (const id of list.split(/,\s*/)) {
          if (!rules.has(id))
            findings.push(
              `${path}:${lineAt(text, match.index)} names the rule ${id}, which no PROTOCOL.md has`,
            );
        }
      }
    }
  }
}

/** Every relative link leads somewhere, its heading included. */
function checkLinks(path, text) {
  const prose = text.replace(/```[\s\S]*?```/g, (block) => block.replace(/[^\n]/g, " "));
  for (const match of prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)) {
    const [file, anchor] = match[1].split("#");
    if (/^[a-z]+:/i.test(match[1]) || file.startsWith("/")) continue;
    const target = file === "" ? path : posix.normalize(posix.join(dirname(path), decodeURI(file)));
    const at = `${path}:${lineAt(text, match.index)} links to ${match[1]}`;
    if (!existsSync(join(root, target))) findings.push(`${at}, which does not exist`);
    else if (anchor && target.endsWith(".md") && !anchorsOf(documents.get(target) ?? "").has(anchor)) {
      findings.push(`${at}, but that page has no such heading`);
    }
  }
}

/** Anchors as hosts of Markdown make them from headings, and those set by hand. */
function anchorsOf(text) {
  const anchors = new Set([...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map((match) => match[1]));
  const seen = new Map();
  for (const [, heading] of text.replace(/```[\s\S]*?```/g, "").matchAll(/^#{1,6} (.+)$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = words
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-");
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    anchors.add(times === 0 ? slug : `${slug}-${times}`);
  }
  return anchors;
}

/** Every TypeScript example is at least TypeScript. The shapes of a PROTOCOL.md are notation and no code. */
function checkExamples(path, text) {
  if (path.endsWith("PROTOCOL.md")) return;
  for (const match of text.matchAll(/^```(tsx?)\n([\s\S]*?)^```/gm)) {
    try {
      transformSync(match[2], { loader: match[1], logLevel: "silent" });
    } catch (error) {
      const [first] = error.errors ?? [];
      const line = lineAt(text, match.index) + (first?.location?.line ?? 0);
      findings.push(`${path}:${line} has an example that does not parse: ${first?.text ?? error.message}`);
    }
  }
}

function requireWord(path, word, what) {
  const text = documents.get(path);
  if (text === undefined || !new RegExp(`\\b${word}\\b`).test(text))
    findings.push(`${path} does not explain ${what} ${word}`);
}
