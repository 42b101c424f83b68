// What must hold of a run and of those who read it after a crash, whatever happened before it. Pure: facts in, violations out.
import { isDeepStrictEqual } from "node:util";
import { offsetOf, readChunk } from "./tokens.mjs";

/** Violations told of one kind at most; the first ones say what is wrong. */
const TOLD_MAX = 5;
/** Kinds of writers that are producers: a successor ends what its predecessor could write. */
const PRODUCERS = new Set(["n", "d", "s", "h"]);

/**
 * Holds one run's log against what its writers were told. `acks` are ranges of chunks by writer, `requests` the ids of those
 * that were acknowledged, `pending` those that are stored as such; `isClosed`: somebody was told that the run is closed.
 */
export function findRunViolations({ name, entries, acks, requests, pending, isClosed }) {
  const told = (what, wrong) => wrong.slice(0, TOLD_MAX).map((one) => `${name}: ${what}: ${one}`);
  const chunks = entries.filter(({ event }) => event === "chunk").map(({ token }) => token);
  const there = new Set(chunks);
  const acked = acks.flatMap(({ writer, from, to }) =>
    Array.from({ length: to - from + 1 }, (_, index) => `${writer}.${from + index};`),
  );
  const close = entries.findIndex(({ event }) => event === "close");
  return [
    ...told("offset out of line", wrongOffsets(entries)),
    ...told(
      "acknowledged and lost",
      acked.filter((token) => !there.has(token)),
    ),
    ...told("there twice", repeated(chunks)),
    ...told("out of order", disordered(chunks)),
    ...told("after the close", close < 0 ? [] : entries.slice(close + 1).map(({ token }) => token)),
    ...(isClosed && close < 0 ? [`${name}: told closed, and open again`] : []),
    ...findRequestViolations({ told, entries, requests, pending, isOver: close >= 0 }),
  ];
}

function wrongOffsets(entries) {
  return entries.filter(({ offset }, index) => offset !== index + 1).map(({ offset }) => offset);
}

function repeated(tokens) {
  const seen = new Set();
  return tokens.filter((token) => seen.has(token) || !seen.add(token));
}

/** Chunks of one writer come one after the other, with none missing between them, and those of producers by generation. */
function disordered(tokens) {
  const counts = new Map();
  const lives = new Map();
  return tokens.filter((token) => {
    const chunk = readChunk(token);
    if (chunk === null) return false;
    const { writer, kind, life, n } = chunk;
    const isNext = n === (counts.get(writer) ?? 0) + 1;
    const isSucceeded = PRODUCERS.has(kind) && life < (lives.get(kind) ?? 0);
    counts.set(writer, n);
    lives.set(kind, life);
    return !isNext || isSucceeded;
  });
}

/** A request is in the log once, and then it is pending or has one outcome; in a run that is over it has one. */
function findRequestViolations({ told, entries, requests, pending, isOver }) {
  const idsOf = (event) => entries.filter((entry) => entry.event === event).map(({ id }) => id);
  const [asked, settled] = [idsOf("request"), idsOf("outcome")];
  const known = new Set(settled);
  return [
    ...told(
      "a request acknowledged and lost",
      [...requests].filter((id) => !asked.includes(id)),
    ),
    ...told("a request that is there twice", repeated(asked)),
    ...told("a request with two outcomes", repeated(settled)),
    ...told(
      "a request neither pending nor with an outcome",
      asked.filter((id) => !known.has(id) && (isOver || !pending.includes(id))),
    ),
    ...told(
      "a request pending and with an outcome",
      pending.filter((id) => known.has(id)),
    ),
  ];
}

/**
 * Holds what one reader saw against the log: everything after where it began, once and in order, as far as it has come; all of
 * it, if it has seen the end. `stateAt(offset)` is the fold of the log up to there.
 */
export function findReaderViolations({ name, entries, reader, stateAt }) {
  const { began, seen, isEnded, isChunksOnly, folds, faults } = reader;
  const say = (text) => `${name}, ${reader.name}: ${text}`;
  const last = entries.at(-1);
  const isWanted = ({ offset, event }) =>
    // Whoever comes when all is over is told of the end, which the fold already covers.
    (offset > began || (offset === last.offset && event === "close")) && (!isChunksOnly || event === "chunk");
  const expected = began === undefined ? [] : entries.filter(isWanted);
  const wrong = seen.findIndex(
    ({ token, cursor }, index) =>
      token !== expected[index]?.token || (cursor && offsetOf(cursor) !== expected[index].offset),
  );
  const unlike = folds.filter(
    ({ offset, state }) => state !== null && !isDeepStrictEqual(state, stateAt(offset)),
  );
  return [
    ...faults.slice(0, TOLD_MAX).map(say),
    ...(wrong < 0
      ? []
      : [
          say(
            `told ${seen[wrong].token} at ${seen[wrong].cursor ?? "?"} as its ${wrong + 1}th, where ${expected[wrong]?.token ?? "nothing"} is`,
          ),
        ]),
    ...(isEnded && wrong < 0 && seen.length < expected.length
      ? [say(`ended before ${expected[seen.length].token}`)]
      : []),
    ...unlike.slice(0, TOLD_MAX).map(({ offset }) => say(`the fold at ${offset} is not that of the log`)),
  ];
}
