import { type ErrorCode, PlexlineError, type ServerMessage } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import { encodeDocEvent } from "../../event.ts";
import { DOC_KIND, EMPTY_UPDATE } from "../../protocol.ts";
import { HELD_MAX } from "./conversation.ts";
import { ALIAS, bytes, connect, DENIED, refused, STEPS_TOPIC, TOPIC } from "./session.fixture.ts";
import { StepsFrames } from "./steps-frame.ts";

const connected = (mode: string | null) => ({ type: "connected", clientID: "a", mode });
const modeTold = (mode: string) => ({ type: "mode", documentId: "plan", mode });
const step = (name: string) => ({ stepType: "replace", name });
const runOf = (version: number, ...names: string[]) => ({
  version,
  steps: names.map(step),
  clientIDs: names.map(() => "x"),
});
const told = (data: object) => ({ type: "steps", documentId: "plan", data });
const pushed = (event: string, payload: unknown): ServerMessage => ({
  type: "push",
  topic: STEPS_TOPIC,
  event,
  payload,
});
const WRONG_MODE = { type: "error", documentId: "plan", code: "OPERATION_UNSUPPORTED" };
/** Lets all promises settle. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A steps room that holds these steps, and accepts a submit at their end. */
function roomOf(names: string[], mode?: "steps" | "yjs", pageStepsMax = 100) {
  const state = { mode };
  return {
    state,
    snapshot: { head: names.length, ...(mode === undefined ? {} : { mode }) },
    call(command: string, input: unknown): unknown {
      const {
        version = 0,
        steps = [],
        mode: wanted,
      } = input as {
        version?: number;
        steps?: { name: string }[];
        mode?: "steps" | "yjs";
      };
      const head = names.length;
      if (command === "claim") {
        state.mode ??= wanted;
        return { mode: state.mode };
      }
      if (command === "since") {
        const page = names.slice(version, version + pageStepsMax);
        return { ...runOf(version, ...page), head, epoch: "e" };
      }
      if (state.mode === "yjs") throw new PlexlineError("OPERATION_UNSUPPORTED");
      if (version !== head) return { accepted: false, head, epoch: "e" };
      names.push(...steps.map(({ name }) => name));
      state.mode = "steps";
      return { accepted: true, head: names.length, epoch: "e" };
    },
  };
}

describe("the mode", () => {
  test.each(["steps", "yjs"] as const)("[FB19] connected tells %s when that is fixed", async (mode) => {
    const { received, subscribed, unsubscribed } = await connect({ steps: roomOf([], mode) });
    expect(received()).toEqual([connected(mode)]);
    expect(subscribed).toEqual([TOPIC, STEPS_TOPIC]);
    // Of a Yjs document there is nothing to hear about steps.
    expect(unsubscribed).toEqual(mode === "yjs" ? [STEPS_TOPIC] : []);
  });

  test("[FB19] connected tells null while it is open, and mode tells it once it is fixed", async () => {
    for (const message of [
      pushed("claimed", { mode: "yjs" }),
      pushed("claimed", { mode: "steps" }),
      pushed("steps", runOf(0, "x")),
    ]) {
      const { tell, received } = await connect({ steps: roomOf([]) });
      expect(received()).toEqual([connected(null)]);
      tell(message, STEPS_TOPIC);
      tell(pushed("claimed", { mode: "steps" }), STEPS_TOPIC);
      const { mode = "steps" } = "payload" in message ? (message.payload as { mode?: string }) : {};
      expect(received()[1]).toEqual(modeTold(mode));
      expect(received().filter(({ type }) => type === "mode")).toHaveLength(1);
    }
  });

  test("[FB19] a document that is joined later tells its mode by itself", async () => {
    const { say, received } = await connect({
      steps: { snapshot: { head: 0, mode: "yjs" } },
      query: "documentId=other&clientID=a",
    });
    expect(received()).toEqual([connected("yjs")]);
    await say("sync");
    expect(received().slice(1)).toEqual([modeTold("yjs")]);
  });

  test.each<[string, object]>([
    ["no such topic", { subscribe: () => refused("TOPIC_UNKNOWN") }],
    ["no access to it", { subscribe: () => refused("FORBIDDEN") }],
    ["another feature there", { snapshot: undefined }],
  ])("[FB19] with %s a document is Yjs", async (_name, steps) => {
    const { say, received, forwarded, called } = await connect({ steps });
    expect(received()).toEqual([connected("yjs")]);
    await say("update", [0, 1, 5, 1, 0, 1]);
    expect(forwarded).toEqual([[DOC_KIND.update, bytes(0, 1, 5, 1, 0, 1)]]);
    expect(called).toEqual([]);
    await say("update", { version: 0, steps: [step("x")], clientID: 1 });
    // Steps of a topic that is there are refused for want of access.
    const isThere = "subscribe" in steps && _name === "no access to it";
    expect(received().slice(1)).toMatchObject([isThere ? DENIED : { code: "MALFORMED_MESSAGE" }]);
  });

  test("[FB19] a steps topic that cannot be served now closes", async () => {
    const { received, closed } = await connect({
      steps: { subscribe: () => refused("STORAGE_UNAVAILABLE") },
    });
    expect(received()[0]).toEqual(connected(null));
    expect(closed).toEqual([[1013, expect.stringMatching(/^STORAGE_UNAVAILABLE: /)]]);
  });

  test("[FB19] the topics are those of the options", async () => {
    const options = { topic: (id: string) => `page:${id}`, stepsTopic: (id: string) => `article:${id}` };
    const { subscribed } = await connect({ options });
    expect(subscribed).toEqual(["page:plan", "article:plan"]);
    const plain = await connect({ options: { stepsTopic: null } });
    expect([plain.subscribed, plain.received()]).toEqual([[TOPIC], [connected("yjs")]]);
  });

  test("[FB2] what comes before connected waits for it, within limits", async () => {
    let release = () => {};
    const joining = new Promise<void>((resolve) => {
      release = resolve;
    });
    const waiting = async (count: number) => {
      let push = () => {};
      const connecting = connect({
        steps: { subscribe: () => joining, snapshot: { head: 0, mode: "yjs" } },
        script: {
          subscribe: async (topic) => {
            if (topic === STEPS_TOPIC) push();
          },
        },
        onSession: (session) => {
          push = () => {
            for (let n = 0; n < count; n += 1)
              expect(
                session.translateOf(TOPIC, { alias: ALIAS, kind: DOC_KIND.update, payload: bytes(n % 256) }),
              ).toBeNull();
          };
        },
      });
      return connecting;
    };
    const few = waiting(2);
    const many = waiting(HELD_MAX + 1);
    await settled();
    release();
    const update = { type: "update", documentId: "plan" };
    expect((await few).received()).toEqual([
      connected("yjs"),
      { ...update, data: "AA==" },
      { ...update, data: "AQ==" },
    ]);
    expect((await many).closed).toEqual([[1013, expect.stringMatching(/^OVERLOADED: /)]]);
  });

  test("[FB21] content of the doc topic makes a document Yjs, and that is noted down", async () => {
    const room = roomOf([]);
    const { received, called } = await connect({ steps: room, script: { head: 3 } });
    expect(received()).toEqual([connected("yjs")]);
    expect([called, room.state]).toEqual([[["claim", { mode: "yjs" }]], { mode: "yjs" }]);
    const steps = await connect({ steps: roomOf(["x"], "steps"), script: { head: 3 } });
    expect([steps.received(), steps.called]).toEqual([[connected("steps")], []]);
  });

  test.each<ErrorCode>(["FORBIDDEN", "STORAGE_UNAVAILABLE"])(
    "[FB21] content that cannot be noted down for %s makes it Yjs all the same",
    async (code) => {
      const room = { snapshot: { head: 0 }, call: () => refused(code) };
      const { say, received, closed, forwarded } = await connect({ steps: room, script: { head: 1 } });
      expect([received(), closed]).toEqual([[connected("yjs")], []]);
      await say("update", { version: 0, steps: [step("x")] });
      expect(received().slice(1)).toMatchObject([WRONG_MODE]);
      await say("update", [0, 1, 5, 1, 0, 1]);
      // Who may not write in the steps topic writes as in other dialects; a failure is told.
      expect(forwarded).toHaveLength(code === "FORBIDDEN" ? 1 : 0);
      expect(received().slice(2)).toMatchObject(code === "FORBIDDEN" ? [] : [{ code }]);
    },
  );

  test("[FB21] what somebody of another dialect writes makes it Yjs", async () => {
    const { say, push, heard, called } = await connect({ steps: roomOf([]) });
    push(DOC_KIND.update, bytes(1));
    await say("update", { version: 0, steps: [step("x")] });
    expect(heard()).toMatchObject([modeTold("yjs"), { type: "update" }, WRONG_MODE]);
    expect(called).toEqual([]);
  });

  test.each<[string, number[], boolean]>([
    ["update", [0, 1, 5, 1, 0, 1], true],
    ["sync", [0, 1, 5, 1, 0, 1], true],
    ["sync", [2, 6, 0, 1, 5, 1, 0, 1], true],
    ["sync", [0, 0], false],
    ["update", [0, 0], false],
    ["sync", [0], false],
    ["sync", [], false],
    ["awareness", [0], false],
  ])("[FB21] %s with %j claims Yjs: %s", async (type, data, claims) => {
    const room = roomOf([]);
    const { say, called, forwarded, heard } = await connect({ steps: room });
    await say(type, data);
    expect(called).toEqual(claims ? [["claim", { mode: "yjs" }]] : []);
    expect(forwarded.length).toBeGreaterThan(0);
    expect(heard()).toEqual(claims ? [modeTold("yjs")] : []);
  });

  test("[FB21] bytes that cannot be read, and a reader's, claim nothing", async () => {
    const bad = await connect({ steps: roomOf([]) });
    await bad.say("update", "!!");
    expect([bad.heard(), bad.called]).toMatchObject([[{ code: "MALFORMED_MESSAGE" }], []]);
    const script = { operations: ["subscribe"], sendBinary: () => refused("FORBIDDEN") };
    const reader = await connect({ steps: roomOf([]), script });
    await reader.say("update", [0, 1, 5, 1, 0, 1]);
    await reader.say("update", { version: 0, steps: [step("x")] });
    expect([reader.heard(), reader.called]).toEqual([[DENIED, DENIED], []]);
  });

  test("[FB21] updates that come while the mode is claimed keep their order, and claim once", async () => {
    let answer: (value: unknown) => void = () => {};
    const room = {
      snapshot: { head: 0 },
      call: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    };
    const { say, tell, forwarded, called } = await connect({ steps: room });
    const updates = [1, 2, 3].map((n) => bytes(0, 1, 5, 1, 0, n));
    const first = updates.slice(0, 2).map((update) => say("update", update));
    await settled();
    // The push comes before the answer.
    tell(pushed("claimed", { mode: "yjs" }), STEPS_TOPIC);
    const last = say("update", updates[2]);
    await settled();
    expect(forwarded).toEqual([]);
    answer({ mode: "yjs" });
    await Promise.all([...first, last]);
    expect(forwarded.map(([, payload]) => payload)).toEqual(updates);
    expect(called).toHaveLength(1);
  });

  test("[FB21] who loses the race for the first write is told, in either mode", async () => {
    const room = roomOf([]);
    const [yjs, steps] = [await connect({ steps: room }), await connect({ steps: room })];
    await steps.say("update", { version: 0, steps: [step("x")], clientID: 1 });
    await yjs.say("update", [0, 1, 5, 1, 0, 1]);
    expect(yjs.heard()).toMatchObject([modeTold("steps"), WRONG_MODE]);
    expect(yjs.forwarded).toEqual([]);
    const other = roomOf([]);
    const [first, second] = [await connect({ steps: other }), await connect({ steps: other })];
    await first.say("update", [0, 1, 5, 1, 0, 1]);
    await second.say("update", { version: 0, steps: [step("x")], clientID: 1 });
    expect(second.heard()).toMatchObject([WRONG_MODE]);
  });

  test.each<[string, unknown]>([
    ["update", [0, 1, 5, 1, 0, 1]],
    ["update", "AAA="],
    ["sync", [0]],
    ["sync", { 0: 0 }],
    ["sync", []],
    ["awareness", [0]],
  ])("[FB20] on a steps document %s with %j is refused, and the connection stays", async (type, data) => {
    const { say, heard, closed, forwarded } = await connect({ steps: roomOf(["x"], "steps") });
    await say(type, data);
    expect(heard()).toMatchObject([{ ...WRONG_MODE, message: expect.stringContaining("edited in steps") }]);
    expect([closed, forwarded]).toEqual([[], []]);
  });

  test.each(["update", "sync"])("[FB20] on a Yjs document %s with a version is refused", async (type) => {
    const { say, heard, closed, called } = await connect({ steps: roomOf([], "yjs") });
    await say(type, { version: 0, steps: [step("x")], clientID: 1 });
    expect(heard()).toMatchObject([{ ...WRONG_MODE, message: expect.stringContaining("edited with Yjs") }]);
    expect([closed, called]).toEqual([[], []]);
  });
});

describe("steps", () => {
  test("[FB22] update submits, and what the room tells goes to its sender too", async () => {
    const { say, tell, heard, called, forwarded } = await connect({ steps: roomOf(["x"], "steps") });
    await say("update", { version: 1, steps: [step("y")], clientID: 7, more: "is not passed on" });
    expect(called).toEqual([["submit", { version: 1, steps: [step("y")], clientID: 7, epoch: "e" }]]);
    expect(forwarded).toEqual([[DOC_KIND.syncResponse, EMPTY_UPDATE]]);
    expect(heard()).toEqual([]);
    tell(pushed("steps", runOf(1, "y")), STEPS_TOPIC);
    expect(heard()).toEqual([told(runOf(1, "y"))]);
  });

  test("[FB22] without a clientID in data that of the connection is meant", async () => {
    const { say, called } = await connect({ steps: roomOf([], "steps") });
    await say("update", { version: 0, steps: [step("y")] });
    expect(called[0]).toMatchObject(["submit", { clientID: "a" }]);
  });

  test("[FB22] submits that come together are made one after the other", async () => {
    const room = roomOf([], "steps");
    let underWay = 0;
    const call = async (command: string, input: unknown) => {
      underWay += 1;
      expect(underWay).toBe(1);
      await settled();
      underWay -= 1;
      return room.call(command, input);
    };
    const { say, heard, called } = await connect({ steps: { ...room, call } });
    await Promise.all(
      ["x", "y", "z"].map((name, version) => say("update", { version, steps: [step(name)] })),
    );
    expect(called.map(([command]) => command)).toEqual(["submit", "submit", "submit"]);
    expect(heard()).toEqual([]);
  });

  test("[FB23] a submit at an old version is answered with the missing steps, page by page", async () => {
    const { say, heard, called } = await connect({ steps: roomOf(["x", "y", "z"], "steps", 2) });
    await say("update", { version: 0, steps: [step("q")], clientID: 7 });
    expect(called.map(([command]) => command)).toEqual(["submit", "since", "since"]);
    expect(heard()).toEqual([told(runOf(0, "x", "y")), told(runOf(2, "z"))]);
  });

  test("[FB23] a submit that is there already is answered with its steps", async () => {
    const room = roomOf(["x", "y"], "steps");
    const call = (command: string, input: unknown) =>
      command === "submit"
        ? { accepted: true, repeated: true, head: 2, epoch: "e" }
        : room.call(command, input);
    const { say, heard } = await connect({ steps: { ...room, call } });
    await say("update", { version: 0, steps: [step("x")], clientID: "x" });
    expect(heard()).toEqual([told(runOf(0, "x", "y"))]);
  });

  test.each<[unknown, object]>([
    [undefined, runOf(0, "x", "y")],
    [null, runOf(0, "x", "y")],
    [{ version: 1 }, runOf(1, "y")],
    [{ version: 2 }, runOf(2)],
  ])("[FB23] sync with %j is answered with the steps since then, also with none", async (data, run) => {
    const { say, heard, forwarded } = await connect({ steps: roomOf(["x", "y"], "steps") });
    await say("sync", data);
    expect([heard(), forwarded]).toEqual([[told(run)], []]);
  });

  test("[FB23] while nobody has written, sync with nothing is answered in both modes", async () => {
    const { say, heard, forwarded } = await connect({ steps: roomOf([]) });
    await say("sync");
    expect(forwarded).toEqual([[DOC_KIND.state, bytes()]]);
    expect(heard()).toEqual([told(runOf(0))]);
  });

  test("[FB23] an answer that is too long stops, and says so", async () => {
    const long = Array.from({ length: 20 }, () => "x".repeat(30_000));
    const { say, heard } = await connect({ steps: roomOf(long, "steps", 1) });
    await say("sync");
    const first = heard();
    expect(first.at(-1)).toHaveProperty("more", true);
    expect(first.slice(0, -1).some((frame) => "more" in frame)).toBe(false);
    await say("sync", { version: first.length });
    const versions = heard().map(({ data }) => data.version);
    expect(versions).toEqual(long.map((_, version) => version));
    expect(heard().at(-1)).not.toHaveProperty("more");
  });

  test.each<[unknown]>([[-1], ["0"], [0.5], [null]])(
    "[FB23] sync with the version %j is refused",
    async (version) => {
      const { say, heard, called } = await connect({ steps: roomOf(["x"], "steps") });
      await say("sync", { version });
      expect([heard(), called]).toMatchObject([[{ type: "error", code: "PAYLOAD_INVALID" }], []]);
    },
  );

  test("[FB26] a version that the document does not have is answered RESYNC", async () => {
    const { say, heard, closed } = await connect({ steps: roomOf(["x"], "steps") });
    await say("sync", { version: 5 });
    await say("update", { version: 5, steps: [step("y")] });
    expect(heard()).toMatchObject([{ code: "RESYNC" }, { code: "RESYNC" }]);
    expect(closed).toEqual([]);
  });

  test.each<ErrorCode>(["PAYLOAD_INVALID", "CLIENT_ID_TAKEN", "STORAGE_UNAVAILABLE", "JSON_TOO_DEEP"])(
    "[FB16] %s is told, and the next submit is taken",
    async (code) => {
      let isFirst = true;
      const room = roomOf([], "steps");
      const call = (command: string, input: unknown) => {
        if (!isFirst) return room.call(command, input);
        isFirst = false;
        return refused(code);
      };
      const { say, heard, called } = await connect({ steps: { ...room, call } });
      await say("update", { version: 0, steps: [step("x")] });
      await say("update", { version: 0, steps: [step("x")] });
      expect(heard()).toMatchObject([{ type: "error", documentId: "plan", code }]);
      expect(called).toHaveLength(2);
    },
  );

  test("[FB10] one frame serves all editors of a document", () => {
    const frames = new StepsFrames();
    const run = runOf(0, "x");
    const first = frames.frameOf("plan", run);
    // Were the payload read again, this would show.
    run.steps.pop();
    expect(frames.frameOf("plan", run)).toBe(first);
    expect(JSON.parse(frames.frameOf("other", run))).toMatchObject({
      documentId: "other",
      data: { steps: [] },
    });
  });
});

describe("beside the steps", () => {
  test("[FB25] selections and agent changes pass in steps mode, and Yjs does not", async () => {
    const { say, push, heard, forwarded, tell } = await connect({ steps: roomOf(["x"], "steps") });
    await say("selection", { anchor: 1 });
    expect(forwarded.map(([kind]) => kind)).toEqual([DOC_KIND.event]);
    for (const kind of [DOC_KIND.update, DOC_KIND.awareness, DOC_KIND.syncRequest, DOC_KIND.state])
      push(kind, bytes(0));
    tell({ type: "error", topic: TOPIC, error: new PlexlineError("UPDATE_GAP").toBody() });
    push(DOC_KIND.event, encodeDocEvent({ name: "selection", data: { clientID: "b", data: 1 } }));
    push(DOC_KIND.notice, encodeDocEvent({ name: "agent-change-proposed", data: 2 }));
    expect(heard()).toEqual([
      { type: "selection", documentId: "plan", clientID: "b", data: 1 },
      { type: "agent-change-proposed", documentId: "plan", data: 2 },
    ]);
  });

  test("[FB4] other types are refused in steps mode as well", async () => {
    const { say, heard } = await connect({ steps: roomOf(["x"], "steps") });
    await say("steps", runOf(1, "y"));
    await say("mode", { mode: "yjs" });
    expect(heard()).toMatchObject([{ code: "UNKNOWN_MESSAGE" }, { code: "UNKNOWN_MESSAGE" }]);
  });

  test("[FB13] without access to the document the steps topic is not opened, and all is denied", async () => {
    const script = { subscribe: () => refused("FORBIDDEN") };
    const { say, received, subscribed } = await connect({ steps: roomOf(["x"], "steps"), script });
    for (const [type, data] of [["sync"], ["sync", { version: 0 }], ["update", { version: 1 }]] as const)
      await say(type, data);
    expect(received()).toEqual([connected(null), DENIED, DENIED, DENIED]);
    expect(new Set(subscribed)).toEqual(new Set([TOPIC]));
  });

  test.each([TOPIC, STEPS_TOPIC])(
    "[FB14] when %s is taken away, nothing of the other is heard",
    async (topic) => {
      let isGiven = true;
      const script = {
        subscribe: (asked: string) =>
          asked === topic && !isGiven ? refused("FORBIDDEN") : Promise.resolve(),
      };
      const { say, tell, push, heard, translateOf } = await connect({
        steps: roomOf(["x"], "steps"),
        script,
      });
      await say("sync");
      const revoked = { type: "unsubscribed", topic, error: new PlexlineError("REVOKED").toBody() } as const;
      isGiven = false;
      tell(revoked, topic);
      tell(pushed("steps", runOf(1, "secret")), STEPS_TOPIC);
      push(DOC_KIND.event, encodeDocEvent({ name: "selection", data: "secret" }));
      await say("update", { version: 1, steps: [step("y")] });
      await say("sync");
      expect(heard().slice(1)).toMatchObject([{ code: "REVOKED", documentId: "plan" }, DENIED, DENIED]);
      expect(translateOf(STEPS_TOPIC, pushed("steps", runOf(1, "secret")))).toBeNull();
      isGiven = true;
      await say("selection", 1);
      // What was told before is not told again.
      expect(heard().slice(4)).toEqual([told(runOf(1))]);
    },
  );

  test("[FB14] a steps topic that is taken away while nobody has written leaves a Yjs document", async () => {
    let isGiven = true;
    const steps = { ...roomOf([]), subscribe: () => (isGiven ? Promise.resolve() : refused("FORBIDDEN")) };
    const { say, tell, received, forwarded } = await connect({ steps });
    isGiven = false;
    const error = new PlexlineError("REVOKED").toBody();
    tell({ type: "unsubscribed", topic: STEPS_TOPIC, error }, STEPS_TOPIC);
    await say("update", [0, 1, 5, 1, 0, 1]);
    expect(received()).toEqual([connected(null)]);
    expect(forwarded.map(([kind]) => kind)).toContain(DOC_KIND.update);
  });

  test.each<["trimmed" | "reset", number]>([
    ["reset", 4409],
    ["trimmed", 4510],
  ])(
    "[FB26] a gap of the kind %s in the steps is told by RESYNC and closes with %i",
    async (reason, close) => {
      const { tell, heard, closed } = await connect({ steps: roomOf(["x"], "steps") });
      tell({ type: "gap", topic: STEPS_TOPIC, position: { epoch: "f", offset: 1 }, reason }, STEPS_TOPIC);
      tell(pushed("steps", runOf(1, "y")), STEPS_TOPIC);
      await settled();
      expect(heard()).toMatchObject([{ type: "error", code: "RESYNC" }]);
      expect(closed).toEqual([[close, expect.stringMatching(/^RESYNC: /)]]);
    },
  );

  test("[FB17] steps that cannot be served any more close, so that the client comes back", async () => {
    const { tell, closed } = await connect({ steps: roomOf([]) });
    const error = new PlexlineError("STORAGE_UNAVAILABLE").toBody();
    tell({ type: "unsubscribed", topic: STEPS_TOPIC, error }, STEPS_TOPIC);
    await settled();
    expect(closed).toEqual([[1013, expect.stringMatching(/^STORAGE_UNAVAILABLE: /)]]);
  });
});
