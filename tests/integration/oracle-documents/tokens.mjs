// What writers write: tokens of one width, so that every multiple of it is a place between two of them, and so that text which
// came through a crash can be read back token by token.

const WIDTH = 16;
const SHAPE = /^[a-z0-9]+\.[a-z0-9]+\.\d+_*;$/;

/** The n-th token of a user, told from all others. */
export function tokenOf(user, n) {
  return `${`${user}.${n}`.padEnd(WIDTH - 1, "_")};`;
}

/** The tokens of a text in order, and whether the text is made of nothing else. */
export function readTokens(text) {
  const tokens = [];
  for (let at = 0; at < text.length; at += WIDTH) tokens.push(text.slice(at, at + WIDTH));
  return { tokens, isWhole: tokens.every((token) => SHAPE.test(token)) };
}

/** Inserts tokens before the `index`-th one there is. */
export function insertTokens(text, index, tokens) {
  text.insert(index * WIDTH, tokens.join(""));
}

/** Deletes so many tokens from the `index`-th on. */
export function deleteTokens(text, index, count) {
  text.delete(index * WIDTH, count * WIDTH);
}

export function countTokens(text) {
  return Math.floor(text.length / WIDTH);
}
