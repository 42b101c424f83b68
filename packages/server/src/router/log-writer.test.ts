import { PlexlineError, type Position } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import { ConflictError } from "../storage/storage.ts";
import { LogWriter, QUEUED_BYTES_MAX, QUEUED_ENTRIES_MAX, type QueuedEntry } from "./log-writer.ts";

/** A log whose commits the test settles, and a note of everything in its order. */
function start() {
  const notes: string[] = [];
  const commits: { succeed: () => void; fail: (error?: unknown) => void }[] = [];
  let head = 0;
  const writer = new LogWriter((batch) => {
    notes.push(`commit ${batch.map(({ number }) => number).join(" ")}`);
    return new Promise<Position>((resolve, reject) => {
      commits.push({
        succeed: () => {
          head += batch.length;
          resolve({ epoch: "e", offset: head });
        },
        fail: (error = new Error("EIO")) => reject(error),
      });
    });
  });
  const add = (number: number, bytes = 1) => {
    const entry: QueuedEntry = { data: new Uint8Array(bytes), atMs: 0, epoch: "e", number };
    return writer.add(entry).then(
      ({ offset }) => void notes.push(`${number} at ${offset}`),
      (error: PlexlineError) => {
        notes.push(`${number} lost`);
        return error;
      },
    );
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { writer, notes, commits, add, turn };
}

describe("the queue before the log", () => {
  test("commits one batch at a time, and what gathers meanwhile together", async () => {
    const { notes, commits, add, turn } = start();
    for (const number of [1, 2, 3]) void add(number);
    await turn();
    expect(notes).toEqual(["commit 1"]);
    commits[0]?.succeed();
    await turn();
    void add(4);
    commits[1]?.succeed();
    await turn();
    commits[2]?.succeed();
    await turn();
    expect(notes).toEqual(["commit 1", "1 at 1", "commit 2 3", "2 at 2", "3 at 3", "commit 4", "4 at 4"]);
  });

  test("loses everything behind a failed batch with it, in its order, and starts afresh [B10]", async () => {
    const { notes, commits, add, turn } = start();
    const lost = [1, 2, 3].map((number) => add(number));
    commits[0]?.fail();
    await turn();
    expect(notes).toEqual(["commit 1", "1 lost", "2 lost", "3 lost"]);
    for (const error of await Promise.all(lost))
      expect(error).toMatchObject({
        code: "STORAGE_UNAVAILABLE",
        cause: expect.objectContaining({ message: "EIO" }),
      });
    void add(4);
    commits[1]?.succeed();
    await turn();
    expect(notes.slice(4)).toEqual(["commit 4", "4 at 1"]);
  });

  test("keeps what the storage said, and makes what was no error of ours one that may be tried again", async () => {
    const { commits, add, turn } = start();
    const first = add(1);
    commits[0]?.fail(new PlexlineError("OVERLOADED"));
    await turn();
    const second = add(2);
    commits[1]?.fail(new ConflictError("another epoch"));
    expect([await first, await second]).toMatchObject([
      { code: "OVERLOADED" },
      { code: "STORAGE_UNAVAILABLE" },
    ]);
  });

  test("takes nothing between a loss and the moment it is heard of: that could build on what is lost", async () => {
    const { writer, commits } = start();
    const story: string[] = [];
    const lost = writer
      .add({ data: new Uint8Array(1), atMs: 0, epoch: "e", number: 1 })
      .then(nothing, () => story.push("heard"));
    commits[0]?.fail();
    for (let turn = 0; turn < 20; turn += 1) {
      await Promise.resolve();
      story.push(writer.refusal?.code ?? "free");
    }
    await lost;
    const heard = story.indexOf("heard");
    expect(story[heard - 1]).toBe("STORAGE_UNAVAILABLE");
    expect(new Set(story.slice(heard + 1))).toEqual(new Set(["free"]));
  });

  test("is bounded by entries and by bytes, with one long entry as the exception", async () => {
    const { writer, commits, add, turn } = start();
    void add(0, QUEUED_BYTES_MAX * 2);
    expect(writer.refusal).toMatchObject({ code: "OVERLOADED" });
    commits[0]?.succeed();
    await turn();
    for (let number = 1; number < QUEUED_ENTRIES_MAX; number += 1) void add(number);
    expect(writer.refusal).toBeNull();
    void add(QUEUED_ENTRIES_MAX);
    expect(writer.refusal).toMatchObject({ code: "OVERLOADED" });
    commits[1]?.succeed();
    await turn();
    expect(writer.refusal).toBeNull();
    commits[2]?.fail();
    await turn();
    expect([writer.refusal, writer.isIdle]).toEqual([null, true]);
  });

  test("is idle when everything has settled, what was added on the way included", async () => {
    const { writer, commits, add, turn } = start();
    void add(1).then(() => add(2));
    let isIdle = false;
    const idle = writer.idle().then(() => {
      isIdle = true;
    });
    commits[0]?.succeed();
    await turn();
    expect(isIdle).toBe(false);
    commits[1]?.succeed();
    await idle;
    expect(writer.isIdle).toBe(true);
  });
});

function nothing(): void {}
