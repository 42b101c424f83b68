import type { PresenceMember } from "@plexline/protocol";
import type { Hue } from "./hue.ts";
import { hueOf, parseHue } from "./hue.ts";

const NAME_LENGTH_MAX = 40;

/** Somebody in the room, as the page shows them. */
export interface Person {
  readonly user: string;
  readonly name: string;
  readonly hue: Hue;
}

/** A person who is here, by their session. */
export interface PersonHere extends Person {
  readonly id: string;
}

/** Reads what a member says of themselves; it was written by another browser, so nothing is taken on trust. */
export function parsePerson(member: PresenceMember): PersonHere {
  const state = isRecord(member.state) ? member.state : {};
  const name = typeof state.name === "string" ? state.name.trim().slice(0, NAME_LENGTH_MAX) : "";
  return {
    id: member.id,
    user: member.user,
    name: name || nameOfUser(member.user),
    hue: parseHue(state.color, member.user),
  };
}

/** A person of whom only the id is known, e.g. the author of an old message. */
export function personOfUser(user: string): Person {
  return { user, name: nameOfUser(user), hue: hueOf(user) };
}

/** The playground's user ids are `<name>-<random>`; other ids stay as they are. */
function nameOfUser(user: string): string {
  const match = /^(\p{L}+)-[a-z0-9]{6}$/u.exec(user);
  const name = match?.[1];
  return name ? name.charAt(0).toUpperCase() + name.slice(1) : user.slice(0, NAME_LENGTH_MAX);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
