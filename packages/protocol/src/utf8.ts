// Sizes on the wire are UTF-8 bytes, while strings count UTF-16 units. A lone surrogate is counted as the three
// bytes of U+FFFD, which is what every encoder puts in its place.

/** How many UTF-8 bytes a string takes. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (isPair(text, at)) {
      bytes += 2;
      at += 1;
    } else bytes += 2;
  }
  return bytes;
}

/** The longest beginning of a string that takes at most `bytesMax` UTF-8 bytes and splits no character. */
export function cutToUtf8Bytes(text: string, bytesMax: number): string {
  let bytes = 0;
  let at = 0;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    const pair = isPair(text, at);
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : pair ? 4 : 3;
    if (bytes > bytesMax) return text.slice(0, at);
    at += pair ? 2 : 1;
  }
  return text;
}

/** Whether every surrogate of a string stands in a pair. */
export function isWellFormed(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    if (!isPair(text, at)) return false;
    at += 1;
  }
  return true;
}

function isPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit > 0xdbff) return false;
  const next = text.charCodeAt(at + 1);
  return next >= 0xdc00 && next <= 0xdfff;
}
