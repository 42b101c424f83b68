import { existsSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import * as Y from "yjs";
import { jobOf } from "../segment.fixture.ts";
import { createDocWorker, type DocWorkerHost, type DocWorkerOptions } from "./worker-host.ts";

/** Threads run the build. */
const isBuilt = existsSync(new URL("../../../dist/doc/worker/fold.js", import.meta.url));

const hosts: DocWorkerHost[] = [];
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
});
function create(options: DocWorkerOptions = {}): DocWorkerHost {
  const host = createDocWorker(options);
  hosts.push(host);
  return host;
}

function update(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("t").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

/** More than a small document has, and long to fold. */
function large(): Uint8Array {
  return structs(150_000);
}

/** Structs that cannot be joined. */
function structs(count: number): Uint8Array {
  const doc = new Y.Doc();
  doc.transact(() => {
    for (let n = 0; n < count; n += 1)
      doc.getArray("a").insert(0, [`value ${n} that is long enough to count`]);
  });
  return Y.encodeStateAsUpdate(doc);
}

describe.runIf(isBuilt)("the pool of threads", () => {
  test("a small document, a scan and a rendering do not wait for a large document", async () => {
    const worker = create({ threads: 1 });
    const order: string[] = [];
    const bytes = large();
    expect(bytes.length).toBeGreaterThan(4 * 1024 * 1024);
    const folding = worker.fold(jobOf([bytes])).then(() => order.push("large"));
    await worker.fold(jobOf([update("small")])).then(() => order.push("small"));
    await folding;
    expect(order).toEqual(["small", "large"]);
  });

  test("no two jobs of one document are done at once, and others overtake those that wait", async () => {
    const worker = create({ threads: 2 });
    const order: string[] = [];
    const fold = (document: string, name: string) =>
      worker.fold({ ...jobOf([update("x")]), document }).then(() => order.push(name));
    // Both threads are there: what is overtaken below is work, and not the start of a thread.
    await Promise.all([fold("x", "x"), fold("y", "y")]);
    const first = new AbortController();
    const long = worker.fold({ ...jobOf([structs(70_000)]), document: "a", signal: first.signal });
    const ended = Promise.allSettled([long]);
    const waiting = [fold("a", "a2"), fold("a", "a3")];
    await fold("b", "b1");
    first.abort();
    await Promise.all([ended, ...waiting]);
    expect(order.slice(2)).toEqual(["b1", "a2", "a3"]);
  });

  test("a job that nobody wants any more ends, whether it is being done or waits, and the next ones are done", async () => {
    const worker = create({ threads: 1 });
    const [first, second] = [new AbortController(), new AbortController()];
    const done = worker.fold({ ...jobOf([large()]), signal: first.signal });
    const waiting = worker.fold({ ...jobOf([large()]), signal: second.signal });
    const next = worker.fold(jobOf([large()]));
    const ended = Promise.allSettled([done, waiting]);
    second.abort();
    first.abort();
    const refused = expect.objectContaining({ reason: expect.objectContaining({ code: "SHUTTING_DOWN" }) });
    expect(await ended).toEqual([refused, refused]);
    expect((await next).clocks[2]).toBe(150_000);
    const late = worker.fold({ ...jobOf([update("x")]), signal: first.signal });
    await expect(late).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  });
});
