import { PlexlineError } from "@plexline/protocol";
import type { DocLimits } from "../options.ts";
import type { DocumentState, Taking } from "./document-state.ts";

/** Client ids that somebody has brought into the document. */
export interface ClientCount {
  newClients: number;
  syncClients: number;
}

/** Counts the client ids that a message brings. Throws CLIENT_IDS_MAX if they are too many. */
export function assertNewClients(
  state: DocumentState,
  limits: DocLimits,
  taking: Taking,
  isResponse: boolean,
  count: ClientCount = { newClients: 0, syncClients: 0 },
): void {
  let added = 0;
  for (const client of taking.clocks.keys()) if (state.clockOf(client) === 0) added += 1;
  if (added === 0) return;
  if (state.stateVector.size + added > limits.documentClientsMax)
    throw tooMany("The document", limits.documentClientsMax, "documentClientsMax");
  const counted = isResponse ? "syncClients" : "newClients";
  const setting = isResponse ? "syncClientsMax" : "newClientsMax";
  if (count[counted] + added > limits[setting]) throw tooMany("The subscription", limits[setting], setting);
  count[counted] += added;
}

function tooMany(who: string, max: number, setting: keyof DocLimits): PlexlineError {
  return new PlexlineError("CLIENT_IDS_MAX", {
    message: `${who} may bring ${max} new client ids.`,
    fix: `Keep one Y.Doc for as long as possible, or raise ${setting} in the document's definition.`,
  });
}
