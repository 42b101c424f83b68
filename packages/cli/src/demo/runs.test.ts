import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunState, run, runFold, stream } from "@plexline/features/server";
import { createServer, noAuth, silentLogger } from "@plexline/server";
import { expect, onTestFinished, test } from "vitest";
import { DemoRuns } from "./runs.ts";
import { textOfRun } from "./script.ts";

const SETTINGS = { seed: 3, tokensPerSecond: 100 };

/** A server on a directory of the test's own, with demonstration runs; `restart` is another process, as far as the runs know. */
async function startDemo() {
  const directory = await mkdtemp(join(tmpdir(), "plexline-demo-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const start = async () => {
    const topics = { run: run("run:{id}"), stream: stream("stream:{path}") };
    const app = createServer({ topics, auth: noAuth(), resources: "auto", directory, log: silentLogger });
    await app.start();
    const demo = DemoRuns.of(app as never, silentLogger);
    if (!demo) throw new Error("The demo found no runs.");
    return { app, demo };
  };
  const stop = async ({ app, demo }: Awaited<ReturnType<typeof start>>) => {
    demo.stop();
    await app.close({ graceMs: 0 });
  };
  let now = await start();
  onTestFinished(() => stop(now));
  return {
    get demo() {
      return now.demo;
    },
    run: (id: string) => now.app.stream("run", { id }).read<RunState>({ fold: runFold }),
    create: (id: string) => now.app.stream("run", { id }).create(),
    async restart() {
      await stop(now);
      now = await start();
    },
  };
}

/** Waits until the run's state is as wanted. */
function until(
  handle: ReturnType<Awaited<ReturnType<typeof startDemo>>["run"]>,
  isSo: (state: RunState) => boolean,
) {
  return new Promise<RunState>((resolve, reject) => {
    const off = handle.on("fold", (state) => {
      if (!isSo(state)) return;
      off();
      resolve(state);
    });
    handle.on("error", reject);
  });
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (reason: { readonly code: string }) => reason.code,
  );

const textOf = ({ parts }: RunState) => parts.find(({ part }) => part === "")?.content ?? "";

test("a run is taken up by the next process where it stopped, asks once, and says everything once", async () => {
  const server = await startDemo();
  expect(await server.demo.begin("1", SETTINGS)).toEqual({ created: true, settings: SETTINGS });
  expect(await server.demo.begin("1", { ...SETTINGS, seed: 4 })).toEqual({
    created: false,
    settings: SETTINGS,
  });
  await until(server.run("1"), (state) => textOf(state).length > 100);
  await server.restart();
  const handle = server.run("1");
  const { statusText } = await until(handle, ({ asks, status }) => asks.length === 1 && status === "waiting");
  expect(statusText).toBe("Waiting for an answer");
  await server.restart();
  const again = server.run("1");
  const seen = until(again, ({ status }) => status === "done");
  await again.respond("voice", "as a warning");
  const { asks, tools, progress, producer, parts } = await seen;
  expect(parts).toHaveLength(1);
  expect(parts[0]?.content).toBe(textOfRun(3, "as a warning"));
  expect(asks).toEqual([]);
  expect(tools).toMatchObject([{ name: "survey_harbour", state: "done" }]);
  expect(progress).toMatchObject({ done: 6, total: 6 });
  expect(producer).toBe("attached");
  const { producers, closed } = await again.info();
  expect(producers).toMatchObject([{ producer: "agent", generation: 2 }]);
  expect(closed).not.toBeNull();
});

test("a cancel is carried out before the run closes, and a steering word is noted", async () => {
  const server = await startDemo();
  await server.demo.begin("2", SETTINGS);
  const handle = server.run("2");
  await until(handle, (state) => textOf(state).length > 50);
  expect(await (await handle.steer("Less weather.")).outcome).toMatchObject({ status: "done" });
  expect(await (await handle.cancel()).outcome).toMatchObject({ status: "done" });
  const { status, parts } = await until(server.run("2"), (state) => state.status === "cancelled");
  expect(status).toBe("cancelled");
  expect(parts.find(({ part }) => part !== "")?.content).toBe("Less weather.");
  expect(textOfRun(3, "plainly").startsWith(parts.find(({ part }) => part === "")?.content ?? "-")).toBe(
    true,
  );
});

test("only so many go on at a time, and what others have begun is refused", async () => {
  const server = await startDemo();
  for (let id = 0; id < 16; id += 1) await server.demo.begin(`m${id}`, { seed: id, tokensPerSecond: 1 });
  await expect(server.demo.begin("m16", SETTINGS)).rejects.toMatchObject({ code: "OVERLOADED" });
  await (await server.run("m0").cancel()).outcome;
  await until(server.run("m0"), (state) => state.status === "cancelled");
  await server.create("theirs");
  await expect.poll(() => codeOf(server.demo.begin("theirs", SETTINGS))).toBe("PAYLOAD_INVALID");
});
