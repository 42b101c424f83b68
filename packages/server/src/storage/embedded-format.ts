import { PlexlineError } from "@plexline/protocol";
import type { Random } from "../platform/random.ts";
import { createDraft } from "./embedded-draft.ts";
import type { Environment } from "./embedded-environment.ts";
import { FORMAT_KEY } from "./embedded-keys.ts";

/** Version of the records' layout. Raise it when older code would misread them. */
const FORMAT_VERSION = 1;

interface FormatRecord {
  readonly version: number;
  readonly incarnation: string;
}

/**
 * Reads the store's incarnation, or writes one into a store that is new, or that has been restored from a backup.
 * Refuses a store that was written by a later version.
 */
export async function ensureFormat(
  environment: Environment,
  directory: string,
  random: Random,
  restored: boolean,
): Promise<string> {
  const bytes = await environment.read((view) => view.get(FORMAT_KEY));
  const stored = bytes && (JSON.parse(Buffer.from(bytes).toString()) as FormatRecord);
  if (stored !== undefined && stored.version !== FORMAT_VERSION)
    throw unknownFormat(directory, stored.version);
  if (stored !== undefined && !restored) return stored.incarnation;
  const record: FormatRecord = { version: FORMAT_VERSION, incarnation: random.id(9) };
  const draft = createDraft(environment.view.get);
  draft.attempt(() => draft.put(FORMAT_KEY, Buffer.from(JSON.stringify(record))));
  await environment.flush(draft);
  return record.incarnation;
}

function unknownFormat(directory: string, version: number): PlexlineError {
  return new PlexlineError("STORAGE_UNAVAILABLE", {
    message: `The store in ${directory} has format ${version}; this version of Plexline knows ${FORMAT_VERSION}.`,
    fix: "Start the version of Plexline that wrote it, or a later one; it was left as it is.",
  });
}
