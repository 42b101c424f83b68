// Browsers have no base64 of bytes that Node 20 has as well. atob alone takes only one of the two alphabets, and btoa needs
// the bytes as text first, which takes several times as long as this table.

const ALPHABET = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const PADDING = 0x3d;
const ascii = new TextDecoder();

/** Bytes as base64, with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  const text = new Uint8Array(Math.ceil(bytes.length / 3) * 4).fill(PADDING);
  let to = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const bits = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text[to] = ALPHABET[bits >> 18]!;
    text[to + 1] = ALPHABET[(bits >> 12) & 63]!;
    if (left > 1) text[to + 2] = ALPHABET[(bits >> 6) & 63]!;
    if (left > 2) text[to + 3] = ALPHABET[bits & 63]!;
    to += 4;
  }
  return ascii.decode(text);
}

/** Bytes as base64url, without padding. */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Bytes of base64 or base64url, padded or not; null for text that is neither. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = binary.charCodeAt(at);
    return bytes;
  } catch {
    return null;
  }
}
