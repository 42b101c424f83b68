// The processes that a run kills: `plexline dev`, and the writers that edit its documents.
import { fileURLToPath } from "node:url";
import { start } from "../oracle/processes.mjs";

const PLEXLINE = fileURLToPath(new URL("../../../packages/cli/bin/plexline.js", import.meta.url));
const CONFIG = fileURLToPath(new URL("plexline.config.mjs", import.meta.url));
const WRITER = fileURLToPath(new URL("writer.mjs", import.meta.url));

/** Starts `plexline dev` on `directory`; resolves when it listens. */
export async function startDocumentServer(directory, port = 0, config = CONFIG) {
  let tell;
  const ready = new Promise((resolve) => {
    tell = resolve;
  });
  const args = ["dev", "--port", String(port), "--data", directory, "--config", config, "--json"];
  const { child, ended, kill } = start(PLEXLINE, args, tell, { LOG_LEVEL: "error" });
  const told = await Promise.race([ready, ended]);
  if (told?.url === undefined) throw new Error(`The server did not start: exit code ${child.exitCode}.`);
  return { url: told.url, port: Number(new URL(told.url).port), child, ended, kill };
}

/** What a run is waiting for does not happen any more. */
const STALLED_AFTER_MS = 30_000;

function describeStall(name, { saves, lost, texts, facts }) {
  const open = [...facts.values()].flatMap(({ inserted, saved }) =>
    [...inserted].filter((one) => !saved.has(one)),
  );
  return `The writers ${name} stand still: ${saves} saves, ${lost.size} lost their connection, texts of ${[...texts.keys()]}, not saved: ${open}`;
}

/** The kind of the writer that a user is: see writer.mjs. */
const kindOf = (user) => user.split(".")[1][0];

/** What writers have told, document by document. */
function emptyFacts() {
  return { inserted: new Set(), deleted: new Set(), saved: new Set(), savedDeleted: new Set() };
}

/** Starts writers on every document. `until` resolves once what they told satisfies a condition. */
export function startDocumentWriters({ url, name, seed, documents }) {
  const told = {
    saves: 0,
    /** Saves by wire, as the kind of a writer says. */
    savesOn: { n: 0, y: 0, h: 0 },
    lost: new Set(),
    errors: [],
    texts: new Map(),
    isOver: false,
    facts: new Map(documents.map((address) => [address, emptyFacts()])),
  };
  let waiting = [];
  const check = () => {
    waiting = waiting.filter(({ holds, resolve }) => !holds(told) || resolve());
  };
  const add = (address, inserted, deleted, names) => {
    const facts = told.facts.get(address);
    for (const token of inserted) facts[names[0]].add(token);
    for (const token of deleted) facts[names[1]].add(token);
  };
  const { child, ended, kill } = start(WRITER, [url, name, String(seed), ...documents], (fact) => {
    const [kind, first, second, ...tokens] = fact;
    if (kind === "edit") add(second, ...tokens, ["inserted", "deleted"]);
    else if (kind === "saved") {
      told.saves += 1;
      told.savesOn[kindOf(first)] += 1;
      add(second, ...tokens, ["saved", "savedDeleted"]);
    } else if (kind === "lost") told.lost.add(first);
    else if (kind === "error") told.errors.push(`${first}: ${second}`);
    else told.texts.set(first, second);
    check();
  });
  const died = ended.then(() => {
    told.isOver = true;
    check();
    for (const { holds, reject } of waiting)
      if (!holds(told)) reject(new Error(`The writers ${name} ended too early.`));
  });
  return {
    told,
    ended: died,
    kill,
    until: (holds) =>
      new Promise((resolve, reject) => {
        waiting.push({ holds, resolve, reject });
        check();
        setTimeout(() => reject(new Error(describeStall(name, told))), STALLED_AFTER_MS).unref();
      }),
    stop: () => child.stdin.write("stop\n"),
  };
}
