import { once } from "node:events";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { eventually, openEvents, sign, startRuns } from "../runs.fixture.ts";

const HTTP = "/api/stream?sessionId=7";
const KIB = 1024;
const CHUNKS = 400;
/** Together far more than what may wait for one connection, and than what the kernel keeps. */
const CONTENT = "x".repeat(64 * KIB);

test("[SE10] a reader that reads nothing costs no more than its outbox, is ended, and goes on from its cursor", async () => {
  const { url, port, handle, app } = await startRuns({ run: { history: { bytesMax: 128 * KIB * CHUNKS } } });
  const run = handle("7");
  await run.append({ type: "status", status: "running" });
  const slow = connect(port, "127.0.0.1");
  onTestFinished(() => void slow.destroy());
  slow.write(
    `GET ${HTTP} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${sign("ada")}\r\n\r\n`,
  );
  let text = "";
  slow.setEncoding("utf8");
  slow.on("data", (part: string) => {
    text += part;
  });
  await eventually(() => expect(text).toContain("agent:snapshot"));
  slow.pause();
  for (let n = 0; n < CHUNKS; n += 1) await run.append({ type: "progress", done: n, text: CONTENT });
  // It had its place given up for the others: whoever reads has everything, and the slow one is gone or waits in the log.
  const reader = await openEvents(`${url}${HTTP}&cursor=${cursorOf(text)}`);
  await reader.until(CHUNKS, "agent:progress");
  expect(
    reader
      .told()
      .filter(({ type }) => type === "agent:progress")
      .map(({ done }) => done),
  ).toEqual(Array.from({ length: CHUNKS }, (_, n) => n));
  reader.abort();
  const ended = once(slow, "close");
  slow.resume();
  await ended;
  const seen = numbersIn(text);
  expect(seen).toEqual(Array.from({ length: seen.length }, (_, n) => n));
  expect(seen.length).toBeLessThan(CHUNKS);
  const rest = await openEvents(`${url}${HTTP}&cursor=${cursorOf(text)}`);
  await rest.until(CHUNKS - seen.length, "agent:progress");
  const after = rest.told().flatMap(({ type, done }) => (type === "agent:progress" ? [done] : []));
  expect([...seen, ...after]).toEqual(Array.from({ length: CHUNKS }, (_, n) => n));
  expect(app.stats()).toMatchObject({ subscriptions: 1 });
});

/** The id of the last whole event. */
function cursorOf(text: string): string {
  const ids = [...text.slice(0, text.lastIndexOf("\n\n")).matchAll(/^id: (.*)$/gm)];
  const blocks = text.split("\n\n").slice(0, -1);
  const last = blocks.findLast((block) => /^id: /m.test(block));
  return /^id: (.*)$/m.exec(last ?? "")?.[1] ?? String(ids.at(-1)?.[1]);
}

/** Numbers of the whole events of progress, in their order. */
function numbersIn(text: string): number[] {
  return text
    .split("\n\n")
    .slice(0, -1)
    .flatMap((block) => {
      const found = /"done":(\d+),/.exec(block);
      return found && block.includes("agent:progress") ? [Number(found[1])] : [];
    });
}
