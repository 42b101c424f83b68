import {
  compileTemplate,
  PlexlineError,
  type TopicDescription,
  type TopicTemplate,
  templatesOverlap,
} from "@plexline/protocol";
import type { Feature } from "../feature/feature.ts";

/** A topic's owner, with the parts of the address in braces. */
export interface Owner {
  readonly feature: Feature;
  readonly params: Readonly<Record<string, string>>;
}

/** The server's table of topics: which feature owns an address, and what the table's names mean. */
export interface TopicRegistry {
  /** The owner of a topic; throws TOPIC_UNKNOWN. */
  find(topic: string): Owner;
  /** The address that a name and its params stand for; throws TOPIC_UNKNOWN. */
  address(name: string, params: Readonly<Record<string, string>>): string;
  /** The table as clients are told it. */
  readonly descriptions: Readonly<Record<string, TopicDescription>>;
}

/** Builds the table. Two templates that could own the same topic are refused here, at start. */
export function createTopicRegistry(topics: Readonly<Record<string, Feature>>): TopicRegistry {
  const entries: { name: string; feature: Feature; template: TopicTemplate }[] = [];
  for (const [name, feature] of Object.entries(topics)) {
    const template = compileTemplate(feature.template);
    const rival = entries.find((entry) => templatesOverlap(entry.template, template));
    if (rival) {
      throw new TypeError(
        `topics.${name} ("${feature.template}") and topics.${rival.name} ("${rival.feature.template}") could own the same topic. Give them different prefixes.`,
      );
    }
    entries.push({ name, feature, template });
  }
  return {
    find(topic) {
      for (const { feature, template } of entries) {
        const params = template.match(topic);
        if (params) return { feature, params };
      }
      throw new PlexlineError("TOPIC_UNKNOWN");
    },
    address(name, params) {
      const entry = entries.find((candidate) => candidate.name === name);
      if (!entry) throw new PlexlineError("TOPIC_UNKNOWN", { message: `topics has no entry "${name}".` });
      return entry.template.address(params);
    },
    descriptions: Object.fromEntries(
      entries.map(({ name, feature }) => [name, { feature: feature.feature, template: feature.template }]),
    ),
  };
}
