import { HUES, type Hue, hueOf } from "../session/hue.ts";
import type { Person, PersonHere } from "../session/person.ts";

const NAME_LENGTH_MAX = 40;

/** Each hue as a colour that other editors, which do not know this page's style sheet, can use. */
const HUE_COLORS: Readonly<Record<Hue, string>> = {
  rust: "#a63c1a",
  amber: "#855400",
  moss: "#4d6a12",
  teal: "#0d665e",
  sky: "#14628f",
  indigo: "#4349ad",
  plum: "#813a91",
  rose: "#a92d5d",
};

/** The awareness field `user`, as editor bindings of Yjs read it. */
export interface UserField {
  readonly name: string;
  readonly color: string;
  readonly colorLight: string;
}

export function userFieldOf(person: Person): UserField {
  const color = HUE_COLORS[person.hue];
  return { name: person.name, color, colorLight: `${color}33` };
}

/**
 * Reads what a client shows of its user; it was written by another browser, so nothing is taken on trust. A colour that is not
 * one of the page's is replaced by one that is, so that a name stays readable in both themes. Null for a state without a user.
 */
export function parseUserState(clientId: number, state: unknown): PersonHere | null {
  const user = fieldOf(state, "user");
  if (typeof user !== "object" || user === null) return null;
  const id = String(clientId);
  const name = fieldOf(user, "name");
  const color = fieldOf(user, "color");
  return {
    id,
    user: id,
    name: (typeof name === "string" && name.trim().slice(0, NAME_LENGTH_MAX)) || `Client ${id}`,
    hue: HUES.find((hue) => HUE_COLORS[hue] === color) ?? hueOf(id),
  };
}

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
