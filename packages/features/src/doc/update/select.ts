import { type Boundary, boundaryBefore } from "./boundary.ts";
import { writeIdRanges } from "./id-ranges-bytes.ts";
import type { IdRanges, SectionScan, StateVector, UpdateScan } from "./update-scan.ts";
import { createWriter, type Writer, writeBytes, writeUint, writtenBytes } from "./writer.ts";

/**
 * Makes an update of parts of another one: of these client ids the structs before a clock and before the first Skip, as the
 * same bytes, and all its deletions, none, or those given. A struct that such a clock lies in is left out.
 *
 * @param scan What `scanUpdate` found in the update.
 * @param known From which clock on the structs of a client id are wanted; it lies between two of them. Default: from the first on.
 */
export function selectSections(
  update: Uint8Array,
  scan: UpdateScan,
  clocks: StateVector,
  deletions: IdRanges | "all" | "none",
  known: (client: number) => number = () => 0,
): Uint8Array {
  const chosen: [SectionScan, Boundary, Boundary][] = [];
  for (const section of scan.sections) {
    const clock = clocks.get(section.client);
    if (clock === undefined || clock <= section.from) continue;
    const begin = boundaryBefore(update, section, Math.max(known(section.client), section.from));
    const end = boundaryBefore(update, section, clock);
    if (end.structs > begin.structs) chosen.push([section, begin, end]);
  }
  const writer = createWriter(update.length + 16);
  writeUint(writer, chosen.length);
  for (const [{ client }, begin, end] of chosen) writeSection(writer, update, client, begin, end);
  if (deletions === "all") writeBytes(writer, update.subarray(scan.deletionsStart));
  else writeIdRanges(writer, deletions === "none" ? new Map() : deletions);
  return writtenBytes(writer);
}

function writeSection(
  writer: Writer,
  update: Uint8Array,
  client: number,
  begin: Boundary,
  end: Boundary,
): void {
  writeUint(writer, end.structs - begin.structs);
  writeUint(writer, client);
  writeUint(writer, begin.clock);
  writeBytes(writer, update.subarray(begin.at, end.at));
}
