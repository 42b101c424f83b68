import { conclude, filesIn, isTest, lineAt, textOf } from "./tree.mjs";

// Style that a machine can see. What is banned names its replacement.

const CODE_LINES_MAX = 400;
const TEST_LINES_MAX = 600;

const everywhere = () => true;
const inSource = (path) => /^(?:packages|apps)\/[^/]+\/src\//.test(path);
const isCode = (path) => /\.(?:ts|tsx|mjs)$/.test(path);

/** `[` and `]` around a letter keep a pattern from finding itself here. */
const BANNED = [
  {
    pattern: /\b(?:TO[D]O|FIXM[E]|XX[X])\b/g,
    where: everywhere,
    instead: "finish it, or open an issue and say why it is right as it is",
  },
  {
    pattern: /\bconsole\.\w+/g,
    where: (path) => inSource(path) && !path.startsWith("packages/cli/") && !isTest(path),
    instead: "use the logger",
  },
  {
    pattern: /(?::|<|\bas)\s*any\b(?!\s*[-\w])/g,
    where: (path) => /\.tsx?$/.test(path),
    instead: "use unknown and a parser",
  },
  { pattern: /@ts-(?:ignore|nocheck)/g, where: isCode, instead: "use @ts-expect-error with the reason" },
  { pattern: /\b(?:test|it|describe)\.onl[y]\(/g, where: isCode, instead: "run one file with its path" },
  {
    pattern: /(?<![\w.~-])\/(?:work|home|root|Users)\/[\w.-]+/g,
    where: everywhere,
    instead: "paths of one machine mean nothing on another",
  },
  { pattern: /["'`]\/tm[p]\//g, where: isCode, instead: "use mkdtemp in os.tmpdir()" },
  {
    pattern:
      /=>\s*\{?\s*(?:void\s+)?setTimeout\(\s*(?:resolve|done|r|ok)\b|\bawait (?:sleep|delay|pause|wait)\(|from "(?:node:)?timers\/promises"/g,
    where: isTest,
    instead: "wait for the fact and not for time: expect.poll, vi.waitFor, or an event",
  },
  {
    pattern: /\b(?:export )?(?:const )?enum \w+ \{/g,
    where: (path) => /\.tsx?$/.test(path),
    instead: "use a const table and a union type",
  },
];

const findings = [];
const files = filesIn(".", ".ts", ".tsx", ".mjs", ".md", ".css", ".html", ".sh", ".yml", ".json").filter(
  (path) => path !== "package-lock.json" && path !== "scripts/tidy.mjs",
);
for (const path of files) {
  const text = textOf(path);
  for (const { pattern, where, instead } of BANNED) {
    if (!where(path)) continue;
    for (const match of text.matchAll(pattern)) {
      findings.push(`${path}:${lineAt(text, match.index)} has "${match[0].trim()}": ${instead}`);
    }
  }
  const max = isTest(path) ? TEST_LINES_MAX : CODE_LINES_MAX;
  const lines = text.split("\n").length - 1;
  if (isCode(path) && (inSource(path) || isTest(path)) && lines > max)
    findings.push(`${path} has ${lines} lines; split it below ${max}`);
}
conclude(findings, `tidiness of ${files.length} files`);
