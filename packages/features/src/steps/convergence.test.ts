import { createMemoryStorage } from "@plexline/server";
import {
  createFaultyStorage,
  createSeededRandom,
  createTestServer,
  type FaultyStorage,
  type SeededRandom,
  type TestServer,
} from "@plexline/testing";
import { schema } from "prosemirror-schema-basic";
import { EditorState } from "prosemirror-state";
import { Step } from "prosemirror-transform";
import { expect, test } from "vitest";
import { since, TOPIC } from "./document.fixture.ts";
import { createKeyboard, TestEditor } from "./editor.fixture.ts";
import type { StepsRun } from "./protocol.ts";
import { steps } from "./server.ts";

const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);
const ACTIONS = 80;

type Tally = Record<"accepted" | "refused" | "repeated" | "failed", number>;

/** Where the editors of one run meet. */
interface Scene {
  readonly random: SeededRandom;
  readonly storage: FaultyStorage;
  readonly editors: readonly TestEditor[];
  readonly tally: Tally;
  readonly edit: (editor: TestEditor) => void;
}

/**
 * Three editors that type, submit, submit again and lose their connections, on a storage that fails now and then, over a
 * restart of the server.
 */
async function run(seed: number) {
  const random = createSeededRandom(seed);
  const storage = createFaultyStorage(createMemoryStorage({ random: random.fork() }));
  const keyboard = createKeyboard();
  // Small pages, so that several are needed.
  let server = await createTestServer({
    topics: { article: steps("steps:{id}", { pageStepsMax: 7 }) },
    seed,
    storage,
  });
  const editors = [new TestEditor("ada", 1), new TestEditor("bob", "b"), new TestEditor("cyd", 3)];
  for (const editor of editors) await editor.connect(server);
  const tally: Tally = { accepted: 0, refused: 0, repeated: 0, failed: 0 };
  const edit = (editor: TestEditor) => editor.edit(random, keyboard, seed % 2 === 1);
  const scene: Scene = { random, storage, editors, tally, edit };
  const restartAt = random.integer(ACTIONS);
  for (let action = 0; action < ACTIONS; action += 1) {
    if (action === restartAt) {
      server = await server.restart();
      for (const editor of editors) await editor.connect(server);
    }
    await act(server, scene);
  }
  await finish(server, scene);
  return { server, editors, keyboard, tally };
}

async function act(server: TestServer, { random, storage, editors, tally, edit }: Scene): Promise<void> {
  const editor = random.pick(editors);
  const kind = random.integer(20);
  if (kind < 9) return edit(editor);
  if (editor.client === null) return editor.connect(server);
  if (kind < 12) return editor.receive();
  if (kind < 13) return editor.cut();
  if (kind < 15) {
    await Promise.all(editors.map((each) => submitOnce(each, tally)));
    return;
  }
  const input = editor.submission();
  if (input === null) return;
  if (kind < 17) {
    await editor.submitAndLose(input, random.chance(0.5));
    if (random.chance(0.5)) edit(editor);
    const before = editor.state;
    await editor.connect(server);
    // A client that sends again before it has looked at what it missed.
    if (random.chance(0.5)) editor.state = before;
  } else if (random.chance(0.2)) storage.fail(1);
  tally[await editor.submit(input)] += 1;
  if (random.chance(0.5)) tally[await editor.submit(input)] += 1;
}

async function submitOnce(editor: TestEditor, tally: Tally): Promise<void> {
  const input = editor.submission();
  if (input !== null && editor.client !== null) tally[await editor.submit(input)] += 1;
}

/** Until nobody has anything to send, and everybody has everything. */
async function finish(server: TestServer, { editors, tally }: Scene): Promise<void> {
  for (const editor of editors) if (editor.client === null) await editor.connect(server);
  for (const editor of editors) {
    // The storage may still owe a failure.
    for (let tries = 0; tries < 3; tries += 1) {
      await editor.pull();
      await submitOnce(editor, tally);
    }
  }
  for (const editor of editors) await editor.receive();
}

test.each(SEEDS)(
  "[SP1, SP2, SP4, SP6, SP10] editors become the same, and the log is what they show: seed %i",
  async (seed) => {
    const { server, editors, keyboard } = await run(seed);
    const reader = await server.connect("reader");
    const { head } = await since(reader, 0);
    expect(editors.map(({ version }) => version)).toEqual([head, head, head]);
    expect(editors.map((editor) => editor.submission())).toEqual([null, null, null]);
    const [first, ...others] = editors.map(({ state }) => state.doc.toJSON());
    for (const other of others) expect(other).toEqual(first);

    // The log tells every step once, in order, and they make the same document.
    await reader.ask({ type: "subscribe", topic: TOPIC, since: "start" });
    await server.settle(5);
    const runs = reader.all("push").map(({ payload }) => payload as StepsRun);
    let version = 0;
    let { doc } = EditorState.create({ schema });
    for (const run of runs) {
      expect(run.version).toBe(version);
      version += run.steps.length;
      for (const step of run.steps) doc = Step.fromJSON(schema, step).apply(doc).doc ?? doc;
    }
    expect(version).toBe(head);
    expect(doc.toJSON()).toEqual(first);

    // Nothing is there twice, and without deletions everything is there.
    const characters = [...doc.textContent];
    expect(new Set(characters).size).toBe(characters.length);
    if (seed % 2 === 0) expect(characters.sort()).toEqual([...keyboard.typed].sort());
    await server.close();
  },
);

test("[SP2, SP3, SP4] the seeds see submits accepted, refused, repeated and failed", async () => {
  const tallies: Tally[] = [];
  for (const seed of [1, 2, 3, 4]) {
    const { server, tally } = await run(seed);
    tallies.push(tally);
    await server.close();
  }
  for (const outcome of ["accepted", "refused", "repeated", "failed"] as const)
    expect(tallies.reduce((sum, tally) => sum + tally[outcome], 0)).toBeGreaterThan(1);
});
