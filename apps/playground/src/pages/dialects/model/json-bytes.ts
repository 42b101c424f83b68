/** Bytes as they travel in JSON: base64, an array of numbers, or what `JSON.stringify` makes of a `Uint8Array`. */
export type JsonBytes = string | readonly number[] | Readonly<Record<string, number>>;

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/**
 * Reads bytes in any of the forms; null for anything else.
 *
 * @example
 * fromJson("AAE=") // the bytes 0 and 1, as are [0, 1] and { "0": 0, "1": 1 }
 */
export function fromJson(value: unknown): Uint8Array | null {
  if (typeof value === "string") return fromBase64(value);
  if (typeof value !== "object" || value === null) return null;
  const numbers: readonly unknown[] = Object.values(value);
  return numbers.every(isByte) ? Uint8Array.from(numbers) : null;
}

function fromBase64(text: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function isByte(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255;
}
