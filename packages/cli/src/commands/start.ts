import { cwd } from "node:process";
import { defineCommand } from "citty";
import { createDefaultEndpoints, defaultTopics } from "../app.ts";
import { loadConfig, type PlexlineConfig } from "../config.ts";
import { CliError, type Environment, readEnvironment } from "../environment.ts";
import { SERVE_FLAGS } from "../flags.ts";
import { authenticatorOf, serve } from "../serve.ts";

const SECRET_BYTES_MIN = 32;
const ADMIN_TOKEN_LENGTH_MIN = 32;

export const start = defineCommand({
  meta: {
    name: "start",
    description:
      "Serve for production: refuses what would be unsafe, and says how to mend it.\n\n  JWT_SECRET=… plexline start --host 0.0.0.0\n  JWKS_URL=https://id.example.com/jwks.json plexline start --data /var/lib/plexline",
  },
  args: {
    ...SERVE_FLAGS,
    resources: {
      type: "string",
      description:
        "Topics without a resource record: strict refuses them, auto gives them to the first who comes.",
      default: "strict",
      valueHint: "strict|auto",
    },
  },
  async run({ args }) {
    const environment = readEnvironment(process.env);
    const config = await loadConfig(cwd(), args.config);
    assertSafe(environment, config);
    if (args.resources !== "strict" && args.resources !== "auto") {
      throw new CliError("--resources must be strict or auto.", "Leave it out for strict.");
    }
    const { endpoints, endpointTopics } = createDefaultEndpoints();
    const { url, stopped } = await serve({
      flags: args,
      environment,
      config,
      defaults: {
        topics: defaultTopics,
        auth: config.auth ?? authenticatorOf(environment, environment.jwtSecret),
        resources: args.resources,
      },
      directory: args.data ?? environment.data ?? ".plexline",
      endpoints,
      endpointTopics,
    });
    if (args.json) process.stdout.write(`${JSON.stringify({ ready: true, url })}\n`);
    await stopped;
  },
});

/** Refuses to start where a mistake would open the server to strangers. */
function assertSafe(environment: Environment, config: PlexlineConfig): void {
  if (!config.auth && environment.jwksUrl === undefined) {
    if (environment.jwtSecret === undefined) {
      throw new CliError(
        "There is no key to check tokens with.",
        "Set JWT_SECRET (32 bytes or more) or JWKS_URL.",
      );
    }
    if (Buffer.byteLength(environment.jwtSecret) < SECRET_BYTES_MIN) {
      throw new CliError(
        `JWT_SECRET is shorter than ${SECRET_BYTES_MIN} bytes, so tokens could be forged.`,
        "Make one: node -p \"crypto.randomBytes(32).toString('base64url')\"",
      );
    }
  }
  if ([...environment.allowedOrigins, ...(config.allowedOrigins ?? [])].includes("*")) {
    throw new CliError(
      "ALLOWED_ORIGINS is *, so any page may connect.",
      "List your own origins, separated by commas.",
    );
  }
  const adminToken = config.adminToken ?? environment.adminToken;
  if (adminToken !== undefined && adminToken.length < ADMIN_TOKEN_LENGTH_MIN) {
    throw new CliError(
      `ADMIN_TOKEN is shorter than ${ADMIN_TOKEN_LENGTH_MIN} characters.`,
      "Make one: node -p \"crypto.randomBytes(32).toString('base64url')\"",
    );
  }
  const [unsupported] = environment.unsupported;
  if (unsupported !== undefined) {
    throw new CliError(
      `${unsupported} is set, but this version has only the embedded store and runs alone.`,
      `Unset ${unsupported}; data is kept in PLEXLINE_DATA.`,
    );
  }
}
