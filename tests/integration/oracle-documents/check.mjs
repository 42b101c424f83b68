// What must hold of a document after a crash, whatever happened before it. Pure: facts in, violations out.
import { readTokens } from "./tokens.mjs";

/** Violations told of one kind at most; the first ones say what is wrong. */
const TOLD_MAX = 5;

/**
 * Holds a document's text against what its writers did and what they were told was saved. `inserted` and `deleted` are what
 * they did, `saved` and `savedDeleted` the part of it that the server said is durable.
 */
export function findDocumentViolations({ name, text, inserted, deleted, saved, savedDeleted }) {
  const { tokens, isWhole } = readTokens(text);
  if (!isWhole) return [`${name}: the text is torn: ${JSON.stringify(text.slice(0, 100))}`];
  const there = new Set(tokens);
  const told = (what, wrong) => wrong.slice(0, TOLD_MAX).map((token) => `${name}: ${what}: ${token}`);
  return [
    ...told(
      "saved and lost",
      [...saved].filter((token) => !there.has(token) && !deleted.has(token)),
    ),
    ...told(
      "deleted, saved, and there again",
      [...savedDeleted].filter((token) => there.has(token)),
    ),
    ...told(
      "there twice",
      tokens.filter((token, index) => tokens.indexOf(token) !== index),
    ),
    ...told(
      "never written",
      tokens.filter((token) => !inserted.has(token)),
    ),
  ];
}
