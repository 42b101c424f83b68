import { isIP } from "node:net";
import { cwd } from "node:process";
import { noAuth } from "@plexline/server";
import { defineCommand } from "citty";
import { createDefaultEndpoints, defaultTopics } from "../app.ts";
import { printBanner } from "../banner.ts";
import { loadConfig } from "../config.ts";
import { createDemoHost } from "../demo/endpoint.ts";
import { CliError, readEnvironment } from "../environment.ts";
import { SERVE_FLAGS } from "../flags.ts";
import { createPlayground } from "../playground.ts";
import { dataDirectorySecret } from "../secret.ts";
import { authenticatorOf, serve } from "../serve.ts";

/** A long-poll is over before tools that try things out lose patience, and webhooks may come back to this machine. */
const LONG_POLL = { longPollTimeoutMs: 4_000 };
const DURABLE = { ...LONG_POLL, allowLoopbackCallbacks: true };

export const dev = defineCommand({
  meta: {
    name: "dev",
    description:
      "Serve for development, with the playground and a ready token.\n\n  plexline dev\n  plexline dev --port 0 --data ./scratch --json",
  },
  args: {
    ...SERVE_FLAGS,
    auth: {
      type: "boolean",
      default: true,
      negativeDescription: "Let everybody in as owner. For loopback only.",
    },
  },
  async run({ args }) {
    const environment = readEnvironment(process.env);
    const host = args.host ?? environment.host ?? "127.0.0.1";
    if (!args.auth && !isLoopback(host)) {
      throw new CliError(
        `--no-auth would let everybody in who can reach ${host}.`,
        "Leave out --host, or leave out --no-auth.",
      );
    }
    const directory = args.data ?? environment.data ?? ".plexline";
    const secret = environment.jwtSecret ?? (await dataDirectorySecret(directory));
    const demo = createDemoHost("/playground/runs");
    const { endpoints, endpointTopics } = createDefaultEndpoints({ durable: DURABLE, stream: LONG_POLL });
    const { url, stopped, restart } = await serve({
      flags: args,
      environment,
      config: await loadConfig(cwd(), args.config),
      defaults: {
        topics: defaultTopics,
        auth: args.auth ? authenticatorOf(environment, secret) : noAuth(),
        resources: "auto",
      },
      directory,
      endpoints: [...endpoints, ...(await createPlayground(secret, () => void restart())), demo.endpoint],
      endpointTopics,
      onServing: demo.serving,
    });
    printBanner({ url, secret, asJson: args.json === true });
    await stopped;
  },
});

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
