import { PlexlineError } from "@plexline/protocol";
import type { Sender } from "@plexline/server";
import { decideAppend } from "./appending.ts";
import { decideAttach, decideDetach, decideRenew } from "./attaching.ts";
import type { Deciding } from "./deciding.ts";
import { decideCreate, decideDelete, decideDescribe } from "./life.ts";
import type { ResolvedOptions } from "./options.ts";
import {
  STREAM_COMMAND,
  type StreamCommand,
  type StreamFold,
  type StreamInfo,
  type StreamRequest,
} from "./protocol.ts";
import * as request from "./request.ts";
import { decideAsk, decideOutcome, decideRequest } from "./requests.ts";
import type { StreamState, Verdict } from "./state.ts";

/** What the commands of a stream work with. */
export interface CommandContext {
  readonly options: ResolvedOptions;
  /** Decides about a command in its turn, on a stream whose time is not over. `key`: the message's idempotency key. */
  run<Output>(
    sender: Sender,
    decide: (state: StreamState, deciding: Deciding) => Verdict<Output>,
    key?: string,
  ): Promise<Output>;
  /** The stream is used now. */
  use(): void;
  readInfo(): Promise<StreamInfo | null>;
  readFold(): Promise<StreamFold>;
}

/** Commands that need no `publish`. */
const READING: ReadonlySet<string> = new Set<StreamCommand>(["info", "fold", "touch"]);
const COMMANDS: ReadonlySet<string> = new Set(Object.values(STREAM_COMMAND));

/** Whether a command needs `publish` [ST31]. */
export function isWriting(command: string): boolean {
  return COMMANDS.has(command) && !READING.has(command);
}

/** Carries out a command of PROTOCOL.md's table. */
export async function carryOut(
  context: CommandContext,
  sender: Sender,
  command: string,
  input: unknown,
): Promise<unknown> {
  if (!COMMANDS.has(command))
    throw new PlexlineError("COMMAND_UNKNOWN", {
      message: `Streams have the commands ${[...COMMANDS].join(", ")}.`,
      fix: "Use one of these.",
    });
  return READING.has(command)
    ? read(context, command as StreamCommand)
    : write(context, sender, command as StreamCommand, input);
}

async function read(context: CommandContext, command: StreamCommand): Promise<unknown> {
  const info = await context.readInfo();
  if (!info) throw new PlexlineError("STREAM_ABSENT");
  if (command === "info") return info;
  if (command === "fold") return context.readFold();
  context.use();
  return {};
}

function write(
  { options, run }: CommandContext,
  sender: Sender,
  command: StreamCommand,
  input: unknown,
): Promise<unknown> {
  const { limits } = options;
  const ask = (asked: StreamRequest) =>
    run(sender, (state, deciding) => decideRequest(state, asked, deciding));
  switch (command) {
    case "append": {
      const append = request.parseAppend(input, limits);
      return run(sender, (state, deciding) => {
        const verdict = decideAppend(state, append, deciding);
        // What is refused is told why; only what is to be stored has to be of the stream's kind.
        if ("change" in verdict) request.assertKind(append.values, state.info?.kind ?? options.kind);
        return verdict;
      });
    }
    case "create": {
      const create = request.parseCreate(input, limits);
      const { kind = options.kind } = create;
      assertFoldable(options, kind);
      request.assertKind(create.values, kind);
      return run(sender, (state, deciding) => decideCreate(state, create, deciding));
    }
    case "attach": {
      const attach = request.parseAttach(input);
      return run(sender, (state, deciding) => decideAttach(state, attach, deciding));
    }
    case "renew": {
      const whose = request.parseProducer(input);
      return run(sender, (state, deciding) => decideRenew(state, whose, deciding));
    }
    case "detach": {
      const whose = request.parseProducer(input);
      return run(sender, (state, deciding) => decideDetach(state, whose, deciding));
    }
    case "ask": {
      const asked = request.parseAsk(input, limits);
      return run(sender, (state, deciding) => decideAsk(state, asked, deciding));
    }
    case "outcome": {
      const outcome = request.parseOutcome(input, limits);
      return run(sender, (state, deciding) => decideOutcome(state, outcome, deciding));
    }
    case "cancel":
      return ask(named("cancel", request.parseCancel(input)));
    case "steer":
      return ask(named("steer", request.parseSteer(input, limits)));
    case "respond":
      return ask(named("respond", request.parseRespond(input, limits)));
    case "describe": {
      const describe = request.parseDescribe(input, limits);
      return run(sender, (state, deciding) => decideDescribe(state, describe, deciding));
    }
    case "delete":
      return run(sender, decideDelete);
    default:
      throw new PlexlineError("COMMAND_UNKNOWN");
  }
}

/** A request with the id that it was given, or one of the server's [ST21]. */
function named(kind: StreamRequest["kind"], input: Omit<StreamRequest, "id" | "kind"> & { id?: string }) {
  return { ...input, id: input.id ?? crypto.randomUUID(), kind };
}

/** A fold is made for chunks of the definition's kind. */
function assertFoldable({ fold, kind: defined }: ResolvedOptions, kind: string): void {
  if (!fold || kind === defined) return;
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: `kind must be ${defined}, which this stream's fold is made for.`,
  });
}
