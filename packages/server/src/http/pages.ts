import { PlexlineError } from "@plexline/protocol";
import { Hono } from "hono";
import type { RecordStore } from "../auth/records.ts";
import type { Revocations } from "../auth/revocation.ts";
import { adminPrincipal, staticTokens } from "../auth/static-token.ts";
import { adminRecords } from "./admin-records.ts";

export interface PagesOptions {
  readonly health: Hono;
  /** The admin API; closed when absent. */
  readonly admin?: {
    readonly records: RecordStore;
    readonly revocations: Revocations;
    readonly token: string;
  };
}

/** The server's own HTTP pages: health for everybody, administration for whoever has the token. */
export function createPages({
  health,
  admin,
}: PagesOptions): (request: Request) => Response | Promise<Response> {
  const app = new Hono();
  if (admin) {
    const { records, revocations, token } = admin;
    const authenticate = staticTokens([{ token, principal: adminPrincipal() }]);
    app.route("/api/admin", adminRecords({ records, revocations, authenticate }));
  }
  app.route("/", health);
  app.notFound((context) => context.json({ error: new PlexlineError("PATH_UNKNOWN").toBody() }, 404));
  return (request) => app.fetch(request);
}
