// The document that is joined: 1 MB as Yjs stores it, of an editor's kind (paragraphs of rich text), written by twenty
// people in many places, with words deleted and made bold, and then typed into for a while. The same bytes each time.
import { createHash } from "node:crypto";
import { applyUpdate, Doc, encodeStateAsUpdate, XmlElement, XmlText } from "yjs";
import { typedUpdate } from "./typing.mjs";

/** At least so long is the document, however it is encoded. */
export const BYTES = 1_000_000;
const PARAGRAPHS = 1_500;
const WRITERS = 20;
const OPERATIONS_BETWEEN_LOOKS = 1_000;
/** Keystrokes after that, each an update of its own: a log has them behind its newest snapshot. */
const KEYSTROKES = 600;
const TYPIST = 4_000_000_001;
const WORDS =
  "the a document server of with changes is and to many people write at once without waiting for others"
    .split(" ")
    .map((word) => `${word} `);

/** Numbers from 0 up to 1 that are the same in every run (mulberry32). */
function createRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function write(paragraph, below) {
  const place = below(paragraph.length + 1);
  const action = below(20);
  if (action === 0 && paragraph.length > 20) paragraph.delete(Math.min(place, paragraph.length - 5), 5);
  else if (action === 1 && paragraph.length > 20)
    paragraph.format(Math.min(place, paragraph.length - 8), 8, { bold: true });
  else paragraph.insert(place, WORDS[below(WORDS.length)].repeat(1 + below(2)));
}

/** The updates that make the document: one that has nearly all of it, and one for each keystroke. */
export function createContent() {
  const random = createRandom(2_026);
  const below = (limit) => Math.floor(random() * limit);
  const doc = new Doc();
  doc.clientID = 1;
  const paragraphs = Array.from({ length: PARAGRAPHS }, () => new XmlText("A paragraph. "));
  const elements = paragraphs.map((text) => {
    const element = new XmlElement("paragraph");
    element.insert(0, [text]);
    return element;
  });
  doc.getXmlFragment("prosemirror").insert(0, elements);
  let update;
  do {
    doc.clientID = 1_000_000_007 + 97 * below(WRITERS);
    doc.transact(() => {
      for (let left = OPERATIONS_BETWEEN_LOOKS; left > 0; left -= 1)
        write(paragraphs[below(PARAGRAPHS)], below);
    });
    update = encodeStateAsUpdate(doc);
  } while (update.length < BYTES);
  return [update, ...Array.from({ length: KEYSTROKES }, (_, clock) => typedUpdate(TYPIST, clock))];
}

/** What a document holds, as one short text: two that differ have another. */
export function digestOf(doc) {
  const content = `${doc.getXmlFragment("prosemirror").toString()}\n${doc.getText("typed").toString()}`;
  return `${content.length} characters, ${createHash("sha256").update(content).digest("hex").slice(0, 16)}`;
}

export function digestOfUpdates(updates) {
  const doc = new Doc();
  for (const update of updates) applyUpdate(doc, update);
  return digestOf(doc);
}

/** Structs of all client ids. */
export function structsOf(updates) {
  const doc = new Doc();
  for (const update of updates) applyUpdate(doc, update);
  return [...doc.store.clients.values()].reduce((sum, structs) => sum + structs.length, 0);
}
