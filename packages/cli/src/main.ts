import { PlexlineError } from "@plexline/protocol";
import { defineCommand, runMain } from "citty";
import { dev } from "./commands/dev.ts";
import { start } from "./commands/start.ts";
import { token } from "./commands/token.ts";
import { CliError } from "./environment.ts";

/** Ends with two lines for a mistake, and with the stack for what is our own. */
function told<Command extends { run?: (context: never) => unknown }>(command: Command): Command {
  const { run } = command;
  return {
    ...command,
    async run(context: never) {
      try {
        await run?.(context);
      } catch (error) {
        process.stderr.write(describe(error));
        process.exitCode = 1;
      }
    },
  };
}

function describe(error: unknown): string {
  if (error instanceof CliError || error instanceof PlexlineError) return `${error.message}\n${error.fix}\n`;
  if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") {
    return `${(error as Error).message}\nUse another port: --port 0 picks a free one.\n`;
  }
  return `${error instanceof Error ? error.stack : String(error)}\n`;
}

await runMain(
  defineCommand({
    meta: { name: "plexline", version: "0.1.0", description: "A self-hosted real-time backend." },
    subCommands: { dev: told(dev), start: told(start), token: told(token) },
  }),
);
