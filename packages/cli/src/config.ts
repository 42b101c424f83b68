import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Endpoint, Feature, ServerOptions } from "@plexline/server";
import { CliError } from "./environment.ts";

/** What a `plexline.config` may say: definitions, and whatever else `createServer` takes. */
export type PlexlineConfig = Partial<Omit<ServerOptions<Readonly<Record<string, Feature>>>, "log">> & {
  readonly endpoints?: readonly Endpoint[];
};

const NAMES = ["plexline.config.ts", "plexline.config.mjs", "plexline.config.js"];

/**
 * Loads the file named, or the first `plexline.config` of the directory; an empty configuration when there is none. A
 * TypeScript file needs a Node that strips types by itself (22.18, 24 or later).
 */
export async function loadConfig(directory: string, file?: string): Promise<PlexlineConfig> {
  const path = file
    ? resolve(directory, file)
    : NAMES.map((name) => resolve(directory, name)).find(existsSync);
  if (!path) return {};
  let loaded: { default?: unknown };
  try {
    loaded = (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const needsNewer = (error as NodeJS.ErrnoException).code === "ERR_UNKNOWN_FILE_EXTENSION";
    throw new CliError(
      `${path} could not be loaded: ${reason}`,
      needsNewer
        ? "Use Node 24, or write the file as plexline.config.mjs."
        : "Mend the file; see docs/configuration.md.",
    );
  }
  if (typeof loaded.default !== "object" || loaded.default === null) {
    throw new CliError(`${path} has no default export.`, "Write: export default { topics: { … } };");
  }
  return loaded.default as PlexlineConfig;
}
