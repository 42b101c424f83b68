import { PlexlineError, parseJson } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { decodeText, mediaTypeOf, readBody } from "../../http/body.ts";
import { HttpRefusal } from "../../http/failure.ts";
import { inSession } from "../../http/request-session.ts";
import { STREAM_COMMAND, type StreamCommand } from "../protocol.ts";
import type { Exchange } from "./endpoint.ts";
import { BATCH_COMMANDS_MAX, type BatchAnswer, type BatchCommand } from "./message.ts";

/** Nesting of JSON in a body. */
const DEPTH_MAX = 64;
const KEY_LENGTH_MAX = 128;
const COMMANDS: ReadonlySet<string> = new Set(Object.values(STREAM_COMMAND));

/** POST of one command: its output. */
export async function runCommand(exchange: Exchange): Promise<Response> {
  const { context, topic } = exchange;
  const command = checkCommand(context.params.command);
  const input = await readJson(exchange);
  return inSession(exchange, async (session) => {
    const { output } = await session.call(topic, command, input);
    return answer(output ?? {});
  });
}

/** POST of several: what became of each, in their order [SH3]. */
export async function runBatch(exchange: Exchange): Promise<Response> {
  const commands = parseBatch(await readJson(exchange));
  return inSession(exchange, async (session) => {
    const answers: BatchAnswer[] = [];
    for (const command of commands) answers.push(await runOne(session, exchange.topic, command));
    return answer(answers);
  });
}

async function runOne(
  session: EndpointSession,
  topic: string,
  { command, input, key }: BatchCommand,
): Promise<BatchAnswer> {
  try {
    const { output } = await session.call(topic, command, input, key === undefined ? {} : { key });
    return { output: output ?? {} };
  } catch (error) {
    if (!(error instanceof PlexlineError)) session.log.error({ action: "http.error", error });
    return { error: PlexlineError.from(error).toBody() };
  }
}

function answer(value: unknown): Response {
  return Response.json(value, {
    headers: { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" },
  });
}

function parseBatch(body: unknown): readonly BatchCommand[] {
  if (!Array.isArray(body) || body.length === 0 || body.length > BATCH_COMMANDS_MAX)
    throw invalid(`A batch is a list of 1 to ${BATCH_COMMANDS_MAX} commands.`);
  return body.map((one: unknown) => {
    if (typeof one !== "object" || one === null) throw invalid("A command of a batch is an object.");
    const { command, input, key } = one as Readonly<Record<string, unknown>>;
    const isKey = typeof key === "string" && key !== "" && key.length <= KEY_LENGTH_MAX;
    if (key !== undefined && !isKey) throw invalid(`A key is text of 1 to ${KEY_LENGTH_MAX} characters.`);
    return { command: checkCommand(command), input, ...(isKey ? { key } : {}) };
  });
}

/** Takes a command from untrusted input: those of other features are not for here [SH5]. */
function checkCommand(command: unknown): StreamCommand {
  if (typeof command === "string" && COMMANDS.has(command)) return command as StreamCommand;
  throw new PlexlineError("COMMAND_UNKNOWN", {
    message: "Streams have no such command.",
    fix: `Use one of ${[...COMMANDS].join(", ")}.`,
  });
}

/** The body as JSON; undefined if there is none. */
async function readJson({ request, settings }: Exchange): Promise<unknown> {
  const bytes = await readBody(request, {
    bytesMax: settings.bodyBytesMax,
    fix: "Send less at once, or raise bodyBytesMax of the endpoint.",
  });
  if (bytes.length === 0) return undefined;
  if (mediaTypeOf(request) !== "application/json")
    throw new HttpRefusal(415, "PAYLOAD_INVALID", {
      message: "The body is not declared as JSON.",
      fix: "Send Content-Type: application/json.",
    });
  const text = decodeText(bytes);
  if (text === null) throw invalid("The body is not UTF-8.");
  return parseJson(text, { depthMax: DEPTH_MAX });
}

function invalid(message: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", { message, fix: "HTTP.md of streams describes the bodies." });
}
