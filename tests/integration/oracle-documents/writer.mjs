// Edits documents at full rate until told to stop: node writer.mjs URL NAME SEED DOCUMENT…
// Every line on standard output is one fact, written before the next thing happens, so that a kill takes none back:
//   ["edit", user, document, inserted, deleted]    these tokens are about to be written and deleted
//   ["saved", user, document, inserted, deleted]   the server said that this is durable
//   ["lost", user]                                 a connection was lost
//   ["error", user, code]                          the server refused something
//   ["text", document, text]                       all stopped, saved everything, and have this text; undefined: they differ
// A line on standard input makes it stop.
import { writeSync } from "node:fs";
import { createRandom } from "../oracle/run.mjs";
import { startHocuspocusWriter } from "./writer-hocuspocus.mjs";
import { startNativeWriter } from "./writer-native.mjs";
import { startStockWriter } from "./writer-stock.mjs";

/** Lets the event loop turn once. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const [url, name, seed, ...documents] = process.argv.slice(2);
const KINDS = { n: startNativeWriter, y: startStockWriter, h: startHocuspocusWriter };
const WRITERS_OF_A_KIND = 2;
/** Edits that somebody makes in a row before waiting until they are saved. */
const BURST_MAX = 8;
/** How long writers may take to agree once all is saved. */
const AGREE_WITHIN_MS = 20_000;

const random = createRandom(Number(seed));
const tell = (...fact) => writeSync(1, `${JSON.stringify(fact)}\n`);
let stopping = false;
process.stdin.once("data", () => {
  stopping = true;
});

/** Bursts of edits, some in one turn of the event loop and some in several, each burst waited for. */
async function keepEditing({ typist, whenReady, whenSaved }) {
  await whenReady();
  while (!stopping) {
    for (let left = 1 + Math.floor(random() * BURST_MAX); left > 0; left -= 1) {
      typist.edit();
      if (random() < 0.5) await turn();
    }
    await whenSaved();
  }
  await whenSaved();
}

/** Tells the text that all writers of a document have in the end. */
async function agree(address, writers) {
  const docs = writers.map(({ typist }) => typist.text);
  const isEqual = () => docs.every((text) => text.toString() === docs[0].toString());
  const agreed = new Promise((resolve) => {
    const check = () => isEqual() && resolve(docs[0].toString());
    for (const text of docs) text.observe(check);
    check();
    setTimeout(resolve, AGREE_WITHIN_MS).unref();
  });
  tell("text", address, await agreed);
}

const writers = documents.flatMap((address) =>
  Object.entries(KINDS).flatMap(([kind, start]) =>
    Array.from({ length: WRITERS_OF_A_KIND }, (_, index) =>
      start({ url, user: `${name}.${kind}${index}${address}`, address, random, tell }),
    ),
  ),
);
await Promise.all(writers.map(keepEditing));
for (const address of documents) {
  await agree(
    address,
    writers.filter(({ typist }) => typist.address === address),
  );
}
for (const { close } of writers) close();
process.exit(0);
