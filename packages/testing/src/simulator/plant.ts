import type { Feature } from "@plexline/server";
import type { SimulatedDisk, SimulatedStorage } from "./disk.ts";

/** A mistake put into the server on purpose, to prove that the checker sees it. */
export interface Plant {
  readonly storage?: (storage: SimulatedStorage) => SimulatedStorage;
  readonly feature?: (feature: Feature) => Feature;
  /** Called after each crash of the server, before it starts again. */
  readonly afterCrash?: (disk: SimulatedDisk) => void;
}
