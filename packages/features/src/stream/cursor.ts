import type { Position } from "@plexline/protocol";

const OFFSET_DIGITS = 16;
const CURSOR = /^(\d{16})_([A-Za-z0-9._-]{1,128})$/;

/**
 * A position as one text, for the transports that carry no objects: `0000000000000042_k3x`. Cursors of one epoch sort as
 * their offsets do.
 */
export function formatCursor({ epoch, offset }: Position): string {
  return `${String(offset).padStart(OFFSET_DIGITS, "0")}_${epoch}`;
}

/** The position that a cursor stands for; null if the text is none. */
export function parseCursor(text: string): Position | null {
  const match = CURSOR.exec(text);
  if (!match) return null;
  const offset = Number(match[1]);
  return Number.isSafeInteger(offset) ? { epoch: match[2] as string, offset } : null;
}
