// Engines disagree on how they tell where JSON is wrong, some not at all, and most quote the text. This finds the
// place without quoting anything; it runs only after JSON.parse has refused.

/**
 * Index of the first character at which a text stops being JSON, the text's length if it ends too early, or -1 if it
 * is JSON. Recursive: bound the depth first.
 */
export function locateJsonError(text: string): number {
  const end = readValue(text, skipSpace(text, 0));
  if (end < 0) return ~end;
  const rest = skipSpace(text, end);
  return rest === text.length ? -1 : rest;
}

// Each reader returns the index after what it read, or the complement of the index where it failed.

function readValue(text: string, at: number): number {
  const character = text[at];
  if (character === '"') return readString(text, at);
  if (character === "[") return readItems(text, at, "]", readValue);
  if (character === "{") return readItems(text, at, "}", readMember);
  if (character === "t") return readWord(text, at, "true");
  if (character === "f") return readWord(text, at, "false");
  if (character === "n") return readWord(text, at, "null");
  return readNumber(text, at);
}

function readItems(text: string, start: number, close: string, readItem: typeof readValue): number {
  let at = skipSpace(text, start + 1);
  if (text[at] === close) return at + 1;
  for (;;) {
    at = readItem(text, at);
    if (at < 0) return at;
    at = skipSpace(text, at);
    if (text[at] === close) return at + 1;
    if (text[at] !== ",") return ~at;
    at = skipSpace(text, at + 1);
  }
}

function readMember(text: string, start: number): number {
  if (text[start] !== '"') return ~start;
  const key = readString(text, start);
  if (key < 0) return key;
  const colon = skipSpace(text, key);
  if (text[colon] !== ":") return ~colon;
  return readValue(text, skipSpace(text, colon + 1));
}

function readString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"') return at + 1;
    if (character < " ") return ~at;
    if (character !== "\\") continue;
    at += 1;
    if (text[at] === "u") {
      for (const last = at + 4; at < last; at++) if (!isHex(text[at + 1])) return ~(at + 1);
    } else if (at >= text.length || !'"\\/bfnrt'.includes(text[at]!)) return ~at;
  }
  return ~text.length;
}

function readWord(text: string, start: number, word: string): number {
  for (let index = 0; index < word.length; index++)
    if (text[start + index] !== word[index]) return ~(start + index);
  return start + word.length;
}

function readNumber(text: string, start: number): number {
  const first = text[start] === "-" ? start + 1 : start;
  let at = text[first] === "0" ? first + 1 : readDigits(text, first);
  if (at >= 0 && text[at] === ".") at = readDigits(text, at + 1);
  if (at >= 0 && (text[at] === "e" || text[at] === "E")) {
    at = readDigits(text, text[at + 1] === "+" || text[at + 1] === "-" ? at + 2 : at + 1);
  }
  return at;
}

function readDigits(text: string, start: number): number {
  let at = start;
  while (isDigit(text[at])) at++;
  return at === start ? ~start : at;
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= "0" && character <= "9";
}

function isHex(character: string | undefined): boolean {
  return character !== undefined && /^[0-9a-fA-F]$/.test(character);
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  return at;
}
