import { createMemoryStorage } from "@plexline/server";
import { createFaultyStorage, createSeededRandom, createTestServer } from "@plexline/testing";
import { schema } from "prosemirror-schema-basic";
import { EditorState } from "prosemirror-state";
import { Step } from "prosemirror-transform";
import { expect, test } from "vitest";
import { createKeyboard } from "../../../steps/editor.fixture.ts";
import type { StepsRun } from "../../../steps/protocol.ts";
import { steps } from "../../../steps/server.ts";
import { doc } from "../../server.ts";
import { FabricEditor, framesOf } from "./editor.fixture.ts";

const SEEDS = Array.from({ length: 10 }, (_, index) => index + 1);
const ACTIONS = 60;

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
    topics: { page: doc("doc:{id}"), article: steps("steps:{id}", { pageStepsMax: 7 }) },
    seed,
    storage,
  });
  const editors = [new FabricEditor("ada", 1), new FabricEditor("bob", "b"), new FabricEditor("cyd", 3)];
  for (const editor of editors) await editor.connect(server);
  const submit = (editor: FabricEditor) => {
    const input = editor.submission();
    if (input !== null) editor.submit(input);
  };

  const act = async (): Promise<void> => {
    const editor = random.pick(editors);
    const kind = random.integer(20);
    if (kind < 9) return editor.edit(random, keyboard, seed % 2 === 1);
    if (editor.client === null) return editor.connect(server);
    if (kind < 11) return editor.receive();
    if (kind < 12) return editor.cut();
    if (kind < 15) return editors.forEach(submit);
    const input = editor.submission();
    if (input === null) return;
    if (kind < 17) {
      await editor.submitAndLose(input, random.chance(0.5));
      const before = editor.state;
      await editor.connect(server);
      // A client that sends again before it has looked at what it missed.
      if (random.chance(0.5)) editor.state = before;
    } else if (random.chance(0.2)) storage.fail(1);
    editor.submit(input);
    if (random.chance(0.5)) editor.submit(input);
    if (random.chance(0.5)) await editor.receive();
  };

  const restartAt = random.integer(ACTIONS);
  for (let action = 0; action < ACTIONS; action += 1) {
    if (action === restartAt) {
      server = await server.restart();
      for (const editor of editors) await editor.connect(server);
    }
    await act();
  }
  // Until nobody has anything to send, and everybody has everything.
  for (const editor of editors) if (editor.client === null) await editor.connect(server);
  for (const editor of editors) {
    // The storage may still owe a failure.
    for (let tries = 0; tries < 3; tries += 1) {
      await editor.pull();
      submit(editor);
      await editor.receive();
    }
  }
  for (const editor of editors) await editor.receive();
  return { server, editors, keyboard };
}

test.each(SEEDS)(
  "[FB22] [FB23] [FB24] editors become the same, and the log is what they show: seed %i",
  async (seed) => {
    const { server, editors, keyboard } = await run(seed);
    const reader = new FabricEditor("reader", "r");
    await reader.connect(server);
    expect(framesOf(reader.client ?? expect.fail())[0]).toMatchObject({ type: "connected", mode: "steps" });
    const head = reader.version;
    expect(head).toBeGreaterThan(0);
    expect(editors.map(({ version }) => version)).toEqual([head, head, head]);
    expect(editors.map((editor) => editor.submission())).toEqual([null, null, null]);
    const shown = reader.state.doc.toJSON();
    for (const { state } of editors) expect(state.doc.toJSON()).toEqual(shown);

    // The log tells every step once, in order, and they make the same document.
    const native = await server.connect("native");
    await native.ask({ type: "subscribe", topic: "steps:1", since: "start" });
    await server.settle(5);
    let version = 0;
    let { doc: made } = EditorState.create({ schema });
    for (const { payload } of native.all("push")) {
      const { version: begin, steps: added } = payload as StepsRun;
      expect(begin).toBe(version);
      version += added.length;
      for (const step of added) made = Step.fromJSON(schema, step).apply(made).doc ?? made;
    }
    expect(version).toBe(head);
    expect(made.toJSON()).toEqual(shown);

    // Nothing is there twice, and without deletions everything is there.
    const characters = [...made.textContent];
    expect(new Set(characters).size).toBe(characters.length);
    if (seed % 2 === 0) expect(characters.sort()).toEqual([...keyboard.typed].sort());
    await server.close();
  },
);

test("[FB16] the seeds see steps told, and submits that could not be stored", async () => {
  const tally: Record<string, number> = {};
  for (const seed of [1, 2, 3, 4]) {
    const { server, editors } = await run(seed);
    for (const editor of editors)
      for (const [name, count] of Object.entries(editor.tally)) tally[name] = (tally[name] ?? 0) + count;
    await server.close();
  }
  expect(Object.keys(tally).sort()).toEqual(["STORAGE_UNAVAILABLE", "connected", "mode", "steps"]);
  expect(tally.STORAGE_UNAVAILABLE).toBeGreaterThan(1);
});
