/** Random hexadecimal digits, two per byte. `crypto.randomUUID` would be missing on plain http of another machine. */
export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
