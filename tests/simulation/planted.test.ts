import { afterEach, describe, expect, test, vi } from "vitest";
import {
  ackBeforeCommit,
  findViolation,
  leftBehind,
  type RuleName,
  type SimulateOptions,
  simulate,
  staleHead,
} from "../../packages/testing/src/simulator/index.ts";

// A checker that finds nothing proves something only if it would have found something. Here mistakes are put in.

const SEEDS_MAX = 10_000;
/** Each of them is found sooner by far; more would say that the workload has lost what it takes. */
const DOCUMENT_SEEDS_MAX = 400;

/** Mistakes inside the server, which no option reaches: its modules are replaced. */
const planted = vi.hoisted(() => {
  const nothing = {
    lostBeforeLive: false,
    anybodyResumes: false,
    knownIsSaved: false,
    handedOnIsSaved: false,
    notTakenBack: false,
    gapIsStored: false,
    anybodyWrites: false,
    cursorLeftBehind: false,
    committedTooFar: false,
    snapshotTooShort: false,
  };
  return { ...nothing, reset: () => Object.assign(planted, nothing) };
});

vi.mock("../../packages/server/src/router/recovery.ts", async (importOriginal) => {
  const { recoveryStep } =
    await importOriginal<typeof import("../../packages/server/src/router/recovery.ts")>();
  const joinTooEarly: typeof recoveryStep = (reader, page, announced) =>
    // Goes by the head as it was when the page was read: what was announced since then is lost.
    recoveryStep(reader, page, planted.lostBeforeLive ? page.head : announced);
  return { recoveryStep: joinTooEarly };
});

vi.mock("../../packages/server/src/session/resume.ts", async (importOriginal) => {
  const { mayResume } = await importOriginal<typeof import("../../packages/server/src/session/resume.ts")>();
  const believeSecret: typeof mayResume = (owner, claimant) =>
    planted.anybodyResumes || mayResume(owner, claimant);
  return { mayResume: believeSecret };
});

vi.mock("../../packages/features/src/doc/state/in-flight.ts", async (importOriginal) => {
  const original =
    await importOriginal<typeof import("../../packages/features/src/doc/state/in-flight.ts")>();
  const createInFlight: typeof original.createInFlight = () => {
    const inFlight = original.createInFlight();
    const { afterAll, enter } = inFlight;
    return Object.defineProperties(inFlight, {
      // What is known is saved already: by an entry that may still be on its way to the disk.
      afterAll: {
        value: (settle: Parameters<typeof afterAll>[0]) =>
          planted.knownIsSaved ? settle() : afterAll(settle),
      },
      enter: {
        value(...[undo, bytes, settle]: Parameters<typeof enter>) {
          if (!planted.handedOnIsSaved) return enter(undo, bytes, settle);
          settle();
          return enter(undo, bytes, () => {});
        },
      },
    });
  };
  return { ...original, createInFlight };
});

vi.mock("../../packages/features/src/doc/state/document-state.ts", async (importOriginal) => {
  const original =
    await importOriginal<typeof import("../../packages/features/src/doc/state/document-state.ts")>();
  const createDocumentState: typeof original.createDocumentState = () => {
    const state = original.createDocumentState();
    const { undo } = state;
    // What could not be stored stays in the state: it is known when its author sends it again.
    return Object.assign(state, {
      undo: (change: Parameters<typeof undo>[0]) => (planted.notTakenBack ? undefined : undo(change)),
    });
  };
  return { ...original, createDocumentState };
});

vi.mock("../../packages/features/src/doc/state/classify.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("../../packages/features/src/doc/state/classify.ts")>();
  const classify: typeof original.classify = (state, scan, user, isResponse) => {
    // Whoever sends a struct may write it.
    const view = planted.anybodyWrites ? { ...state, owners: new Map<number, string>() } : state;
    const verdict = original.classify(view, scan, user, isResponse);
    if (!planted.gapIsStored || verdict.kind !== "gap") return verdict;
    const clocks = new Map(scan.sections.map(({ client, to }) => [client, to]));
    return { kind: "contiguous", taking: { clocks, deletions: scan.deletions }, whole: true };
  };
  return { ...original, classify };
});

vi.mock("../../packages/server/src/router/committed-notices.ts", async (importOriginal) => {
  const { CommittedNotices, ...rest } =
    await importOriginal<typeof import("../../packages/server/src/router/committed-notices.ts")>();
  class HastyNotices extends CommittedNotices {
    // Tells of the entry after those that the connection was handed.
    override publicationFor(offset: number, acked: number, isShared: boolean) {
      const told = planted.committedTooFar && offset > 0 ? offset + 1 : offset;
      return super.publicationFor(told, acked, isShared);
    }
  }
  return { ...rest, CommittedNotices: HastyNotices };
});

vi.mock("../../packages/testing/src/simulator/documents/fold.ts", async (importOriginal) => {
  const { fold } =
    await importOriginal<typeof import("../../packages/testing/src/simulator/documents/fold.ts")>();
  const foldTooFew: typeof fold = (job) => {
    if (!planted.snapshotTooShort) return fold(job);
    const batches = job.batches.map(({ bytes, lengths }) => ({ bytes, lengths: lengths.slice(0, -1) }));
    return fold({ ...job, batches });
  };
  return { fold: foldTooFew };
});

vi.mock("../../packages/features/src/doc/awareness/document-awareness.ts", async (importOriginal) => {
  const original =
    await importOriginal<typeof import("../../packages/features/src/doc/awareness/document-awareness.ts")>();
  const createDocAwareness: typeof original.createDocAwareness = (topic, options) => {
    const awareness = original.createDocAwareness(topic, options);
    const keep = { onAttachment() {}, onUnsubscribe() {} };
    return planted.cursorLeftBehind ? { ...awareness, ...keep } : awareness;
  };
  return { ...original, createDocAwareness };
});

afterEach(() => void planted.reset());

function* seeds(): Generator<number> {
  for (let seed = 1; seed <= SEEDS_MAX; seed += 1) yield seed;
}

/** Runs seeds with documents and the mistake until one breaks the rule, and tells how many it took. */
async function seedsUntil(rule: RuleName, mistake: string): Promise<number> {
  for (let seed = 1; seed <= DOCUMENT_SEEDS_MAX; seed += 1) {
    const { violation } = await simulate(seed, { documents: true });
    const broken = violation.find((finding) => finding.rule === rule);
    if (broken === undefined) continue;
    process.stdout.write(`simulator: "${mistake}" found after ${seed} seeds: ${broken.what}\n`);
    return seed;
  }
  return Number.POSITIVE_INFINITY;
}

/** Runs seeds with the mistake until one breaks a rule, and tells how many it took. */
async function rulesBrokenBy(mistake: string, options: SimulateOptions = {}): Promise<RuleName[]> {
  const { found, runs } = await findViolation(seeds(), { ...options, documents: false });
  process.stdout.write(`simulator: "${mistake}" found after ${runs} seeds: ${found?.violation[0]?.what}\n`);
  return found === null ? [] : found.violation.map(({ rule }) => rule);
}

describe("the checker finds", () => {
  test("an acknowledgement before the commit", async () => {
    const rules = await rulesBrokenBy("acknowledged before the commit", { plant: ackBeforeCommit });
    expect(rules).not.toEqual([]);
  });

  test("a publication lost between the read of the log and going live", async () => {
    planted.lostBeforeLive = true;
    expect(await rulesBrokenBy("lost between log and live")).toContain("subscribers");
  });

  test("an offset used twice after a crash", async () => {
    expect(await rulesBrokenBy("offset used twice", { plant: staleHead })).toContain("contents");
  });

  test("a session that somebody else resumed", async () => {
    planted.anybodyResumes = true;
    expect(await rulesBrokenBy("resumed by somebody else")).toContain("sessions");
  });

  test("a presence left behind", async () => {
    expect(await rulesBrokenBy("presence left behind", { plant: leftBehind })).toContain("presence");
  });
});

describe("the checker finds in documents", () => {
  const find = async (rule: RuleName, mistake: string) =>
    expect(await seedsUntil(rule, mistake)).toBeLessThanOrEqual(DOCUMENT_SEEDS_MAX);

  test("a known update that is acknowledged while its entry is on its way to the disk", async () => {
    planted.knownIsSaved = true;
    await find("saved", "known is saved");
  });

  test("an update that is acknowledged when it is handed on", async () => {
    planted.handedOnIsSaved = true;
    await find("saved", "handed on is saved");
  });

  test("a state that keeps what could not be stored", async () => {
    planted.notTakenBack = true;
    await find("saved", "not taken back after a failed commit");
  });

  test("an update that is stored in a gap", async () => {
    planted.gapIsStored = true;
    await find("places", "stored in a gap");
  });

  test("an edit in another's name", async () => {
    planted.anybodyWrites = true;
    await find("authorship", "written in another's name");
  });

  test("an awareness left behind", async () => {
    planted.cursorLeftBehind = true;
    await find("awareness", "awareness left behind");
  });

  test("a position beyond what the client was handed", async () => {
    planted.committedTooFar = true;
    await find("position", "committed beyond what was handed on");
  });

  test("a snapshot without the last update", async () => {
    planted.snapshotTooShort = true;
    await find("convergence", "folded one update too few");
  });
});
