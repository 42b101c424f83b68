import { PlexlineError } from "@plexline/protocol";

/** Throws UPDATE_INVALID: what is wrong, and at which byte. */
export function refuse(what: string, at: number): never {
  throw new PlexlineError("UPDATE_INVALID", {
    message: `The update is refused at byte ${at}: ${what}.`,
    fix: "Send updates as Yjs 13 makes them (format V1), whole and within the limits of documents.",
  });
}
