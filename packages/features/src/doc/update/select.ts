import { type Boundary, boundaryBefore } from "./boundary.ts";
import { writeIdRanges } from "./id-ranges-bytes.ts";
import type { IdRanges, SectionScan, StateVector, UpdateScan } from "./update-scan.ts";
import { createWriter, type Writer, writeBytes, writeUint, writtenBytes } from "./writer.ts";

/**
 * Makes an update of parts of another one: of these client ids the structs before a clock and before the first Skip, as the
 * same bytes, and all its deletions, none, or those given. A struct that such a clock lies in is left out.
 *
 * @param scan What `scanUpdate` found in the update.
 */
export function selectSections(
  update: Uint8Array,
  scan: UpdateScan,
  clocks: StateVector,
  deletions: IdRanges | "all" | "none",
): Uint8Array {
  const chosen: [SectionScan, Boundary][] = [];
  for (const section of scan.sections) {
    const clock = clocks.get(section.client);
    if (clock === undefined || clock <= section.from) continue;
    const end = boundaryBefore(update, section, clock);
    if (end.structs > 0) chosen.push([section, end]);
  }
  const writer = createWriter(update.length + 16);
  writeUint(writer, chosen.length);
  for (const [section, end] of chosen) writeSection(writer, update, section, end);
  if (deletions === "all") writeBytes(writer, update.subarray(scan.deletionsStart));
  else writeIdRanges(writer, deletions === "none" ? new Map() : deletions);
  return writtenBytes(writer);
}

function writeSection(writer: Writer, update: Uint8Array, section: SectionScan, end: Boundary): void {
  writeUint(writer, end.structs);
  writeUint(writer, section.client);
  writeUint(writer, section.from);
  writeBytes(writer, update.subarray(section.start, end.at));
}
