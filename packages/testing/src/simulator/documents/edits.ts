import { type Doc, Array as YArray } from "yjs";
import type { SeededRandom } from "../../random.ts";

/** Tokens are single characters from here on, each used once in a run: whatever splits a text does not split them. */
const FIRST_TOKEN = 0x4e00;
const TOKENS_MAX = 20_000;

/** Gives out the tokens of a run. */
export function createTokens(): (count: number) => string {
  let used = 0;
  return (count) => {
    if (used + count > TOKENS_MAX) throw new Error("A run has no tokens left.");
    const codes = Array.from({ length: count }, (_, index) => FIRST_TOKEN + used + index);
    used += count;
    return String.fromCharCode(...codes);
  };
}

/** The text of a document, in which tokens are. */
export function textOf(doc: Doc): string {
  return doc.getText("text").toString();
}

/** What an edit did to the text. */
export interface Edit {
  readonly inserted: string;
  readonly deleted: string;
  readonly told: string;
}

interface Editor {
  readonly doc: Doc;
  readonly random: SeededRandom;
  readonly tokens: (count: number) => string;
}

const KEYS = ["one", "two"] as const;
/** Large enough that a few of them fill a small outbox. */
const LARGE_LENGTHS = [300, 1_500, 4_000] as const;

/** Edits a document as somebody might: mostly its text, sometimes lists that others replace meanwhile. */
export function edit(editor: Editor): Edit {
  const { doc, random } = editor;
  const draw = random.next();
  if (draw < 0.5 || doc.getText("text").length === 0) return insert(editor);
  if (draw < 0.75) return erase(editor);
  const key = random.pick(KEYS);
  const map = doc.getMap<YArray<string>>("map");
  const list = map.get(key);
  if (draw < 0.83 || list === undefined) {
    map.set(key, YArray.from([String(random.integer(100))]));
    return { inserted: "", deleted: "", told: `replaces ${key}` };
  }
  if (draw < 0.96) {
    list.insert(random.integer(list.length + 1), [String(random.integer(100))]);
    return { inserted: "", deleted: "", told: `adds to ${key}` };
  }
  const length = random.pick(LARGE_LENGTHS);
  list.push(["x".repeat(length)]);
  return { inserted: "", deleted: "", told: `adds ${length} characters to ${key}` };
}

function insert({ doc, random, tokens }: Editor): Edit {
  const text = doc.getText("text");
  const at = random.integer(text.length + 1);
  const inserted = tokens(1 + random.integer(5));
  text.insert(at, inserted);
  return { inserted, deleted: "", told: `inserts ${inserted.length} at ${at}` };
}

function erase({ doc, random }: Editor): Edit {
  const text = doc.getText("text");
  const at = random.integer(text.length);
  const length = Math.min(1 + random.integer(4), text.length - at);
  const deleted = text.toString().slice(at, at + length);
  text.delete(at, length);
  return { inserted: "", deleted, told: `deletes ${length} at ${at}` };
}
