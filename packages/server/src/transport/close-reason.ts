import { CLOSE_REASON_BYTES_MAX } from "@plexline/protocol";

/** The code and reason a connection is closed with. */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/** Cuts a reason to what a close frame holds, between characters. */
export function trimCloseReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= CLOSE_REASON_BYTES_MAX) return reason;
  let end = CLOSE_REASON_BYTES_MAX;
  while ((bytes[end]! & 0xc0) === 0x80) end--; // 10xxxxxx continues a character
  return bytes.toString("utf8", 0, end);
}
