import * as Y from "yjs";
import type { SeededRandom } from "../../../packages/testing/src/random.ts";

const KEYS = ["title", "owner", "state", "tags"];
const WORDS = ["a", "bc", "def", "\u{1F600}", "é", "\n"];

/** Changes a document in one of the ways that editors do: text, formats, maps, lists, and types within types. */
export function editAtRandom(doc: Y.Doc, random: SeededRandom): void {
  const edit = random.pick([insertText, insertText, deleteText, formatText, changeMap, changeList, nest]);
  // One transaction with several changes, as of a paste or of an undo, makes updates of more than one struct.
  doc.transact(() => {
    for (let times = random.integer(3); times >= 0; times -= 1) edit(doc, random);
  });
}

function insertText(doc: Y.Doc, random: SeededRandom): void {
  const text = doc.getText("text");
  text.insert(placeIn(text, random.integer(text.length + 1)), random.pick(WORDS));
}

function deleteText(doc: Y.Doc, random: SeededRandom): void {
  const text = doc.getText("text");
  const [from, to] = rangeIn(text, random, 12);
  text.delete(from, to - from);
}

function formatText(doc: Y.Doc, random: SeededRandom): void {
  const text = doc.getText("text");
  const [from, to] = rangeIn(text, random, 8);
  text.format(from, to - from, { bold: random.pick([true, null]) });
}

function rangeIn(text: Y.Text, random: SeededRandom, lengthMax: number): [number, number] {
  const from = random.integer(text.length + 1);
  return [placeIn(text, from), placeIn(text, Math.min(text.length, from + 1 + random.integer(lengthMax)))];
}

/** A place that is not inside a surrogate pair: Yjs replaces both halves of a pair that is split, and not for everybody. */
function placeIn(text: Y.Text, at: number): number {
  const unit = text.toString().charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff ? at - 1 : at;
}

function changeMap(doc: Y.Doc, random: SeededRandom): void {
  const map = doc.getMap("map");
  const key = random.pick(KEYS);
  if (random.chance(0.3)) map.delete(key);
  else map.set(key, { n: random.integer(1_000) });
}

function changeList(doc: Y.Doc, random: SeededRandom): void {
  const list = doc.getArray("list");
  if (list.length > 0 && random.chance(0.4)) list.delete(random.integer(list.length), 1);
  else list.insert(random.integer(list.length + 1), [random.integer(1_000)]);
}

/** Puts a text into the map and writes into it; replacing it deletes the whole of the one before. */
function nest(doc: Y.Doc, random: SeededRandom): void {
  const map = doc.getMap("map");
  const note = map.get("note");
  if (note instanceof Y.Text && random.chance(0.8))
    note.insert(placeIn(note, random.integer(note.length + 1)), random.pick(WORDS));
  else map.set("note", new Y.Text(random.pick(WORDS)));
}
