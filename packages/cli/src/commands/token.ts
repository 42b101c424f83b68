import { defineCommand } from "citty";
import { CliError, readEnvironment } from "../environment.ts";
import { dataDirectorySecret } from "../secret.ts";
import { parseDurationSeconds, signToken } from "../sign.ts";

export const token = defineCommand({
  meta: {
    name: "token",
    description:
      "Print a token signed with JWT_SECRET, or with the secret of the data directory.\n\n  plexline token --user ada\n  plexline token --user bob --role viewer --ttl 15m --json",
  },
  args: {
    user: { type: "string", description: "Who it is for.", required: true, valueHint: "ID" },
    name: { type: "string", description: "Display name.", valueHint: "NAME" },
    tenant: { type: "string", description: "Tenant. Default: default.", valueHint: "TENANT" },
    role: { type: "string", description: "Role in the tenant: OWNER, EDITOR or VIEWER.", valueHint: "ROLE" },
    ttl: {
      type: "string",
      description: "How long it is good: 90s, 15m, 12h, 7d.",
      default: "1h",
      valueHint: "TIME",
    },
    data: {
      type: "string",
      description: "Data directory. PLEXLINE_DATA, default .plexline.",
      valueHint: "DIR",
    },
    json: { type: "boolean", description: "Print JSON." },
  },
  async run({ args }) {
    const environment = readEnvironment(process.env);
    const seconds = parseDurationSeconds(args.ttl);
    if (!seconds) throw new CliError("--ttl is not a duration.", "Use a number with s, m, h or d: 15m.");
    const secret =
      environment.jwtSecret ?? (await dataDirectorySecret(args.data ?? environment.data ?? ".plexline"));
    const exp = Math.floor(Date.now() / 1000) + seconds;
    const { user, name, tenant, role } = args;
    const signed = signToken(
      { sub: user, exp, ...(name ? { name } : {}), ...(tenant ? { tenant } : {}), ...(role ? { role } : {}) },
      secret,
    );
    process.stdout.write(
      args.json ? `${JSON.stringify({ token: signed, expiresAtMs: exp * 1000 })}\n` : `${signed}\n`,
    );
  },
});
