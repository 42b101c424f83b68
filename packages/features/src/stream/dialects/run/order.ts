import { PlexlineError } from "@plexline/protocol";
import { type InputRequest, STREAM_COMMAND, type StreamCommand } from "../../protocol.ts";
import { parseRunEvent } from "../../run/event.ts";

/** What a client asks of a run, whichever wire it comes over. */
export interface OrderMessage {
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** By which the same one is known again. */
  readonly id?: string;
}

/** What becomes of it. */
export type Order =
  /** A chunk that is published, once for its id. */
  | { readonly kind: "chunk"; readonly chunk: unknown; readonly id?: string }
  /** A command of the stream. */
  | {
      readonly kind: "command";
      readonly command: StreamCommand;
      readonly input: unknown;
      readonly id?: string;
      /** Whether the stream itself knows the same id again. */
      readonly isKeyed: boolean;
    };

const ID_LENGTH_MAX = 128;

/** Types of chunks that writers send [RUN.md]; `done` and `error` end the run. */
const CHUNKS: ReadonlySet<string> = new Set([
  "partial",
  "status",
  "tool",
  "progress",
  "done",
  "error",
  "reset",
]);
const ENDS: ReadonlySet<string> = new Set(["done", "error"]);

/** All types that clients send. */
export const ORDER_TYPES = [
  ...CHUNKS,
  "chunk",
  "close",
  "input-request",
  "outcome",
  "cancel",
  "steer",
  "input-response",
] as const;

/**
 * Reads what a client asks.
 *
 * @throws PlexlineError UNKNOWN_MESSAGE for a type that clients do not send, PAYLOAD_INVALID for a chunk that is none. What the
 * stream checks itself is not looked at.
 */
export function parseOrder({ type, fields, id }: OrderMessage): Order {
  if (CHUNKS.has(type)) return chunkOrder(type, fields, id);
  const keyed = id === undefined ? {} : { id };
  switch (type) {
    case "chunk":
      if (!Object.hasOwn(fields, "value")) throw invalid("A chunk has a value.");
      return { kind: "chunk", chunk: fields.value, ...keyed };
    case "close":
      return command(STREAM_COMMAND.append, { values: [], close: true, ...pick(fields, "final") }, id);
    case "input-request": {
      const ask = { ...keyed, ...fields } as Partial<InputRequest>;
      if (ask.id === undefined) throw invalid("An input-request has an id, by which it is answered.");
      return { ...command(STREAM_COMMAND.ask, ask, ask.id), isKeyed: true };
    }
    case "outcome":
      return { ...command(STREAM_COMMAND.outcome, fields, id), isKeyed: true };
    case "cancel":
      return {
        ...command(STREAM_COMMAND.cancel, { ...keyed, ...pick(fields, "reason") }, id),
        isKeyed: true,
      };
    case "steer":
      return { ...command(STREAM_COMMAND.steer, { ...keyed, ...pick(fields, "data") }, id), isKeyed: true };
    case "input-response": {
      const response = {
        ...keyed,
        ...pick(fields, "ask"),
        ...pick(fields, "data"),
        ...pick(fields, "status"),
      };
      return { ...command(STREAM_COMMAND.respond, response, id), isKeyed: true };
    }
    default:
      throw new PlexlineError("UNKNOWN_MESSAGE", {
        message: "Clients send no messages of this type here.",
        fix: `Send one of ${ORDER_TYPES.join(", ")}.`,
      });
  }
}

/**
 * The id of a message, checked.
 *
 * @throws PlexlineError PAYLOAD_INVALID
 */
export function idOf(value: unknown): { readonly id?: string } {
  if (value === undefined || value === null) return {};
  if (typeof value === "string" && value !== "" && value.length <= ID_LENGTH_MAX) return { id: value };
  throw invalid(`id must be text of 1 to ${ID_LENGTH_MAX} characters.`);
}

function chunkOrder(type: string, fields: OrderMessage["fields"], id: string | undefined): Order {
  const chunk = parseRunEvent({ ...fields, type });
  if (chunk === null) throw invalid(`The fields of ${type} are missing or of the wrong type.`);
  if (ENDS.has(type)) return command(STREAM_COMMAND.append, { values: [chunk], close: true }, id);
  return { kind: "chunk", chunk, ...(id === undefined ? {} : { id }) };
}

function command(name: StreamCommand, input: unknown, id: string | undefined) {
  return {
    kind: "command",
    command: name,
    input,
    ...(id === undefined ? {} : { id }),
    isKeyed: false,
  } as const;
}

function pick(fields: OrderMessage["fields"], name: string): Readonly<Record<string, unknown>> {
  return Object.hasOwn(fields, name) ? { [name]: fields[name] } : {};
}

function invalid(message: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", {
    message,
    fix: "RUN.md has the events of runs and their fields.",
  });
}
