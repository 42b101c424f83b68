import { channel } from "@plexline/features/server";
import type { Feature } from "@plexline/server";
import { createDocuments } from "./documents/definition.ts";
import type { WorldSettings } from "./world.ts";

/** Addresses that the simulated clients use. */
export const TOPICS = ["disk:1", "memory:1", "ephemeral:1"] as const;
export type TopicAddress = (typeof TOPICS)[number];

/** An event that is ephemeral even where there is a log. */
export const EPHEMERAL_EVENT = "typing";
export const LOGGED_EVENT = "said";

/** How long a member of a presence is shown after their socket was lost. */
export const LEAVE_AFTER_MS = 3_000;

/** The topics of the simulated server. With few entries kept, clients that are away for long miss some for good. */
export function createTopics(
  { entriesMax, compactAfterEntries }: WorldSettings,
  plant: (feature: Feature) => Feature,
): Record<string, Feature> {
  const anything = {
    "~standard": { version: 1, vendor: "simulator", validate: (value: unknown) => ({ value }) },
  } as const;
  const common = { presence: true, presenceLeaveAfterMs: LEAVE_AFTER_MS } as const;
  const ephemeral = { [EPHEMERAL_EVENT]: anything };
  return {
    disk: plant(channel("disk:{id}", { ...common, ephemeral, state: true, history: { entriesMax } })),
    memory: plant(channel("memory:{id}", { ...common, history: { entriesMax, durability: "memory" } })),
    ephemeral: plant(channel("ephemeral:{id}", common)),
    doc: plant(createDocuments(compactAfterEntries)),
  };
}
