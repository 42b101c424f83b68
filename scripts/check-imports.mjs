import { readdirSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";
import { conclude, filesIn, isTest, lineAt, root, textOf } from "./tree.mjs";

// Imports point downstream. ARCHITECTURE.md says why; this holds the code to it.

/** What a package may import of its sisters: `all` at run time too, `types` with `import type` only. */
const PACKAGES = {
  protocol: { all: [], types: [] },
  server: { all: ["protocol"], types: [] },
  client: { all: ["protocol"], types: [] },
  features: { all: ["protocol"], types: ["server", "client"] },
  react: { all: ["protocol", "client", "features"], types: [] },
  testing: { all: ["protocol", "server", "client", "features"], types: [] },
  cli: { all: ["protocol", "server", "client", "features"], types: ["playground"] },
};
const APP = { all: ["protocol", "client", "features", "react"], types: ["server"] };
/** The file that composes the client side of all features is the one that also needs the client at run time. */
const CLIENT_COMPOSITION = "packages/features/src/client.ts";

/** Folders of the server in message order: each may import itself and those of a higher rank. */
const RANKS = {
  transport: 0,
  http: 0,
  session: 1,
  router: 2,
  feature: 3,
  auth: 4,
  broker: 5,
  storage: 6,
  telemetry: 7,
  platform: 8,
};

/** Folders beside the features that all of these may import; each may import itself and those after it, and no feature. */
const BELOW_FEATURES = ["http", "encoding"];

/** What a worker thread of a feature runs, and what starts it: the files of a feature that need Node. */
const FEATURE_NODE = /^packages\/features\/src\/[\w-]+\/worker\/(?:thread|worker-host|pool)\.ts$/;

/** Yjs in the server's main thread would let one client's update block everybody. */
const YJS = /^(?:yjs|y-protocols|lib0)(?:\/|$)/;
/** The files of the server side that may, because only a worker thread imports them. */
const YJS_IN_THREAD = [
  "packages/features/src/doc/worker/compact.ts",
  "packages/features/src/doc/worker/fold.ts",
  "packages/features/src/doc/worker/render.ts",
];
const THREAD = "packages/features/src/doc/worker/thread.ts";
const YJS_ALLOWED = /^apps\/|^packages\/(?:client|react|testing)\/|\/client\.ts$|\/client\//;

const IMPORT =
  /(?:^|[;\n])\s*(import|export)\s+(type\s+)?(?:[\w$*{][^;"']*?\sfrom\s*)?(["'])([^"'\n]+)\3|\bimport\(\s*(["'])([^"'\n]+)\5\s*\)/g;

const findings = [];
const files = [
  ...filesIn("packages", ".ts", ".tsx").filter((path) => path.split("/")[2] === "src"),
  ...filesIn("apps", ".ts", ".tsx").filter((path) => path.split("/")[2] === "src"),
];
const manifests = new Map(
  ["packages", "apps"].flatMap((folder) =>
    foldersIn(folder).map((name) => [
      `${folder}/${name}`,
      JSON.parse(textOf(`${folder}/${name}/package.json`) ?? "{}"),
    ]),
  ),
);

for (const path of files) {
  const text = textOf(path);
  const code = withoutComments(text);
  for (const match of code.matchAll(IMPORT)) {
    const specifier = match[4] ?? match[6];
    const statement = { path, specifier, isType: match[2] !== undefined };
    const problem = specifier.startsWith(".") ? relativeProblem(statement) : bareProblem(statement);
    const at = match.index + match[0].length - 1;
    if (problem !== undefined) findings.push(`${path}:${lineAt(code, at)} imports ${specifier}: ${problem}`);
  }
}
conclude(findings, `imports of ${files.length} files`);

function relativeProblem({ path, specifier }) {
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  const home = packageOf(path);
  if (!/\.[a-z]+$/.test(specifier)) return "relative imports end in their file's extension";
  if (isTest(path)) return undefined;
  if (!target.startsWith(`${home}/`)) return "it leaves the package; import the package by its name";
  if (isTest(target)) return "code does not import tests";
  if (home === "packages/server") return rankProblem(path, target);
  if (home === "packages/features") return featureProblem(path, target);
  return undefined;
}

function rankProblem(path, target) {
  const from = path.split("/")[3];
  const to = target.split("/")[3];
  // Files directly in src compose the folders, and no folder may import them.
  const fromIsFile = from.endsWith(".ts");
  if (fromIsFile) return undefined;
  if (to.endsWith(".ts")) return "folders do not import the files that compose them";
  if (from === to) return undefined;
  if (!(from in RANKS)) return `the folder ${from} has no rank in scripts/check-imports.mjs`;
  if (!(to in RANKS)) return `the folder ${to} has no rank in scripts/check-imports.mjs`;
  return RANKS[to] > RANKS[from] ? undefined : `${from} is downstream of ${to}`;
}

function featureProblem(path, target) {
  if (YJS_IN_THREAD.includes(target) && path !== THREAD && !YJS_IN_THREAD.includes(path))
    return "it brings Yjs along; only the worker thread imports it";
  if (target === THREAD) return "it runs in a worker thread; worker-host.ts starts it";
  const from = path.split("/")[3];
  const to = target.split("/")[3];
  if (from.endsWith(".ts") || from === to) return undefined;
  const isBelow = BELOW_FEATURES.includes(to);
  if (BELOW_FEATURES.includes(from))
    return isBelow && BELOW_FEATURES.indexOf(to) > BELOW_FEATURES.indexOf(from)
      ? undefined
      : `${from} is below the features and imports none of them`;
  if (isBelow) return undefined;
  // A wire that several features share is translated in one place: it knows their wires, and nothing else of the others.
  if (path.includes("/dialects/") && target.endsWith(`/${to}/protocol.ts`)) return undefined;
  return to.endsWith(".ts")
    ? "a feature does not import what composes it"
    : "features never import each other";
}

function bareProblem(statement) {
  const { path, specifier } = statement;
  if (YJS.test(specifier) && !isTest(path) && !YJS_ALLOWED.test(path) && !YJS_IN_THREAD.includes(path)) {
    return "Yjs belongs to clients, tests and worker threads";
  }
  const sister = /^@plexline\/([\w-]+)(\/.*)?$/.exec(specifier);
  if (sister !== null) return sisterProblem(statement, sister[1], sister[2] ?? "");
  if (isTest(path)) return undefined;
  const home = packageOf(path);
  if (isBuiltin(specifier)) {
    const isNode = ["packages/server", "packages/cli", "packages/testing"].includes(home);
    return isNode || FEATURE_NODE.test(path)
      ? undefined
      : "this package also runs in browsers: no Node modules";
  }
  const manifest = manifests.get(home) ?? {};
  const name = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  const declared = {
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...manifest.optionalDependencies,
  };
  return name in declared ? undefined : `${name} is not among the dependencies of ${home}`;
}

function sisterProblem({ path, isType }, sister, subpath) {
  const target = manifests.get(`packages/${sister}`) ?? manifests.get(`apps/${sister}`);
  if (target === undefined) return "there is no such package";
  if (target.exports !== undefined && !(`.${subpath}` in target.exports))
    return "the package does not export that path";
  if (isTest(path)) return undefined;
  const home = packageOf(path);
  const allowed = home.startsWith("apps/") ? APP : PACKAGES[home.split("/")[1]];
  if (allowed === undefined) return `${home} has no entry in scripts/check-imports.mjs`;
  if (allowed.all.includes(sister) || path === CLIENT_COMPOSITION) return undefined;
  if (!allowed.types.includes(sister)) return `${home} does not import @plexline/${sister}`;
  return isType ? undefined : `only "import type" from @plexline/${sister} here`;
}

function packageOf(path) {
  return path.split("/").slice(0, 2).join("/");
}

function foldersIn(folder) {
  try {
    const entries = readdirSync(join(root, folder), { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Blanks comments, keeping every line where it is, so that examples in them do not count. */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, " "));
}
