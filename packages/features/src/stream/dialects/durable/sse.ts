import { encodeBase64 } from "../../../encoding/base64.ts";
import type { StreamKind } from "../../protocol.ts";
import { bytesOf } from "./content.ts";

/** What a control event says [DS20]. */
export interface Control {
  readonly nextOffset: string;
  /** Absent once the stream has ended: nobody comes back. */
  readonly cursor?: string;
  readonly upToDate: boolean;
  readonly closed: boolean;
}

/** Sent between events when nothing else is, so that proxies and clients see that the line lives. */
export const HEARTBEAT = ": \n\n";

const LINE_ENDS = /\r\n|\r|\n/;

/**
 * Some chunks as one `data` event. Text comes line by line, whatever the lines end in: nothing in it can begin an event of
 * its own. A reader takes one space off the beginning of a line, so one is added where there is one. JSON has no line ends within strings, and base64 none at all.
 */
export function dataEvent(kind: StreamKind, chunks: readonly unknown[]): string {
  return `event: data\n${linesOf(kind, chunks)
    .map((line) => `data:${line.startsWith(" ") ? " " : ""}${line}\n`)
    .join("")}\n`;
}

/** The event that says where the reader stands. Its `id` lets a native EventSource resume. */
export function controlEvent({ nextOffset, cursor, upToDate, closed }: Control): string {
  const value = {
    streamNextOffset: nextOffset,
    ...(closed || cursor === undefined ? {} : { streamCursor: cursor }),
    ...(upToDate || closed ? { upToDate: true } : {}),
    ...(closed ? { streamClosed: true } : {}),
  };
  return `event: control\ndata:${JSON.stringify(value)}\nid: ${nextOffset}\n\n`;
}

function linesOf(kind: StreamKind, chunks: readonly unknown[]): readonly string[] {
  if (kind === "text") return chunks.join("").split(LINE_ENDS);
  // Base64 of each chunk is padded by itself, which a decoder of several in a row would not take.
  if (kind === "bytes") return [chunks.length === 1 ? String(chunks[0]) : encodeBase64(bytesOf(chunks))];
  const [first, ...others] = chunks.map((chunk) => JSON.stringify(chunk));
  return [`[${first}`, ...others.map((one) => `,${one}`), "]"];
}
