// The processes that an oracle run kills: a server, and the writers that publish to it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SERVER = fileURLToPath(new URL("../fixtures/oracle-server.mjs", import.meta.url));
const WRITER = fileURLToPath(new URL("../fixtures/oracle-writer.mjs", import.meta.url));

/** Starts a child whose lines of JSON go to `onLine`. `ended` resolves when the last of them has been read. */
export function start(script, args, onLine, env = {}) {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => onLine(JSON.parse(line)));
  const ended = Promise.all([exited, once(lines, "close")]);
  child.stdin.on("error", () => {}); // it may be dead before it is told to stop
  return { child, ended, kill: () => child.kill("SIGKILL") };
}

/** Starts the server on `directory`; resolves when it listens. */
export async function startServer(directory, port = 0) {
  let tell;
  const ready = new Promise((resolve) => {
    tell = resolve;
  });
  const { child, ended, kill } = start(SERVER, [directory, String(port)], tell);
  const told = await Promise.race([ready, ended]);
  if (told?.port === undefined) throw new Error(`The server did not start: exit code ${child.exitCode}.`);
  return { ...told, url: `ws://127.0.0.1:${told.port}/ws`, ended, kill };
}

/**
 * Starts writers that publish to every topic. What they report is kept in the order in which it came; `until` resolves
 * once it satisfies a condition.
 */
export function startWriters({ url, name, clients, topics }) {
  const told = { acks: [], refused: [], done: [], lost: new Set() };
  let waiting = [];
  const check = () => {
    waiting = waiting.filter(({ holds, resolve }) => !holds(told) || resolve());
  };
  const { child, ended, kill } = start(WRITER, [url, name, String(clients), ...topics], (fact) => {
    const [kind, user, topic, n, ...rest] = fact;
    if (kind === "ack") {
      const [epoch, offset, repeated] = rest;
      told.acks.push({ user, topic, n, epoch, offset, repeated });
    } else if (kind === "refused") told.refused.push({ user, topic, n, code: rest[0] });
    else if (kind === "done") told.done.push({ user, topic, n });
    else told.lost.add(user);
    check();
  });
  const died = ended.then(() => {
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
      }),
    stop: () => child.stdin.write("stop\n"),
  };
}
