import { type Boundary, boundaryBefore } from "./boundary.ts";
import { writeRest } from "./cut.ts";
import { writeIdRanges } from "./id-ranges-bytes.ts";
import type { IdRanges, StateVector, UpdateScan } from "./update-scan.ts";
import { createWriter, type Writer, writeBytes, writeUint, writtenBytes } from "./writer.ts";

/** The structs of a client id that are wanted. */
interface Chosen {
  readonly client: number;
  /** The clock at which they begin: of the first of them, or inside of it. */
  readonly from: number;
  readonly begin: Boundary;
  readonly end: Boundary;
}

/**
 * Makes an update of parts of another one: of these client ids the structs before a clock and before the first Skip, as the
 * same bytes, and all its deletions, none, or those given. A struct that such a clock lies in is left out. Of one that `known`
 * lies in there is the rest, as Yjs writes it: what it makes of the two is what it makes of the whole.
 *
 * @param scan What `scanUpdate` found in the update.
 * @param known From which clock on the structs of a client id are wanted. Default: from the first on.
 */
export function selectSections(
  update: Uint8Array,
  scan: UpdateScan,
  clocks: StateVector,
  deletions: IdRanges | "all" | "none",
  known: (client: number) => number = () => 0,
): Uint8Array {
  const chosen: Chosen[] = [];
  for (const section of scan.sections) {
    const clock = clocks.get(section.client);
    if (clock === undefined || clock <= section.from) continue;
    const from = Math.max(known(section.client), section.from);
    const begin = boundaryBefore(update, section, from);
    const end = boundaryBefore(update, section, clock);
    if (end.structs > begin.structs) chosen.push({ client: section.client, from, begin, end });
  }
  const writer = createWriter(update.length + 16);
  writeUint(writer, chosen.length);
  for (const part of chosen) writeSection(writer, update, part);
  if (deletions === "all") writeBytes(writer, update.subarray(scan.deletionsStart));
  else writeIdRanges(writer, deletions === "none" ? new Map() : deletions);
  return writtenBytes(writer);
}

function writeSection(writer: Writer, update: Uint8Array, { client, from, begin, end }: Chosen): void {
  writeUint(writer, end.structs - begin.structs);
  writeUint(writer, client);
  writeUint(writer, from);
  const at = begin.clock < from ? writeRest(writer, update, client, begin, from) : begin.at;
  writeBytes(writer, update.subarray(at, end.at));
}
