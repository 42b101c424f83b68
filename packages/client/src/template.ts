import { PlexlineError } from "@plexline/protocol";

/**
 * The address of a topic's parameters: `board:{id}` with `{ id: "7" }` is `board:7`. Throws TOPIC_INVALID when a
 * parameter is missing, or would not be read back as it is because it holds the text that follows it.
 */
export function fillTemplate(template: string, params: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}([^{]*)/g, (_, name: string, next: string) => {
    const value: unknown = params[name];
    if (
      typeof value !== "string" ||
      value === "" ||
      (next !== "" && (value + next).indexOf(next) < value.length)
    ) {
      throw new PlexlineError("TOPIC_INVALID", { message: `params.${name} does not fit ${template}.` });
    }
    return value + next;
  });
}
