/** The colours that people wear. The style sheet has one custom property for each, in both themes. */
export const HUES = ["rust", "amber", "moss", "teal", "sky", "indigo", "plum", "rose"] as const;
export type Hue = (typeof HUES)[number];

/** The colour of a user who has told none: always the same for the same id. */
export function hueOf(user: string): Hue {
  let sum = 0;
  for (const character of user) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return HUES[sum % HUES.length] ?? "teal";
}

/** Reads a colour that somebody else sent. */
export function parseHue(value: unknown, user: string): Hue {
  return HUES.find((hue) => hue === value) ?? hueOf(user);
}
