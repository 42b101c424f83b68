// A keystroke as a Yjs update, made and read without a Y.Doc: generators must cost little.

/** Unsigned LEB128, as everything of Yjs is. */
export function uint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

/** A number and where it ends. */
export function readUint(bytes, at) {
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at];
    at += 1;
    value += (byte & 127) * factor;
    if (byte < 128) return [value, at];
  }
}

const HAS_ORIGIN = 0x80;
const CONTENT_STRING = 4;
const LETTER = [1, 120];
const NO_DELETIONS = [0];
const NAMED_PARENT = [1, 5, ...Buffer.from("typed")];

/** The update by which a client types its letter number `clock`, behind the one before. */
export function typedUpdate(client, clock) {
  const place =
    clock === 0
      ? [CONTENT_STRING, ...NAMED_PARENT]
      : [CONTENT_STRING | HAS_ORIGIN, ...uint(client), ...uint(clock - 1)];
  return Uint8Array.from([1, 1, ...uint(client), ...uint(clock), ...place, ...LETTER, ...NO_DELETIONS]);
}

/** Up to which letter an update of one client goes: servers may put several into one, as structs or as one text. */
export function lastTyped(update) {
  const [, structsAt] = readUint(update, 0);
  const [structs, clientAt] = readUint(update, structsAt);
  const [, clockAt] = readUint(update, clientAt);
  let [clock, at] = readUint(update, clockAt);
  for (let left = structs; left > 0; left -= 1) {
    const info = update[at];
    at += 1;
    if (info & HAS_ORIGIN) {
      [, at] = readUint(update, at);
      [, at] = readUint(update, at);
    } else at += NAMED_PARENT.length;
    const [letters, textAt] = readUint(update, at);
    at = textAt + letters;
    clock += letters;
  }
  return clock - 1;
}
