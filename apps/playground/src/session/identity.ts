import { type Hue, hueOf } from "./hue.ts";
import type { Person } from "./person.ts";
import { personOfUser } from "./person.ts";
import { randomHex } from "./random-hex.ts";

/** Which of the panes. Each is a user of their own. */
export type Side = "a" | "b" | "c" | "d" | "e";

/** New users of each side; the colours differ, so that the panes are told apart at a glance. */
const CASTS: Record<Side, { readonly names: readonly string[]; readonly hues: readonly Hue[] }> = {
  a: { names: ["ada", "grace", "hedy", "joan", "mary", "radia"], hues: ["teal", "moss"] },
  b: {
    names: ["alan", "claude", "edsger", "ivan", "tim", "vint"],
    hues: ["rust", "amber"],
  },
  c: { names: ["barbara", "frances", "karen", "lynn", "sophie", "yukihiro"], hues: ["plum", "indigo"] },
  d: { names: ["anita", "evelyn", "katherine", "margaret", "shafi"], hues: ["sky"] },
  e: { names: ["bjarne", "dennis", "ken", "linus", "niklaus"], hues: ["rose"] },
};
/** A colour follows from the id; at least one of eight fits a side, so this many tries are plenty. */
const TRIES_MAX = 512;

/** Who a pane is: kept for the tab's life, so that a reload is the same user and another tab is somebody else. */
export function identityOf(side: Side): Person {
  const storageKey = `plexline.user.${side}`;
  const stored = readStored(storageKey);
  if (stored) return personOfUser(stored);
  const user = newUser(side);
  try {
    sessionStorage.setItem(storageKey, user);
  } catch {
    // Storage may be forbidden; then a reload is a new user.
  }
  return personOfUser(user);
}

function newUser(side: Side): string {
  const { names, hues } = CASTS[side];
  let user = "";
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const random = randomHex(4);
    const name = names[Number.parseInt(random.slice(0, 2), 16) % names.length] ?? "guest";
    user = `${name}-${random.slice(2)}`;
    if (hues.includes(hueOf(user))) break;
  }
  return user;
}

function readStored(storageKey: string): string | null {
  try {
    return sessionStorage.getItem(storageKey);
  } catch {
    return null;
  }
}
