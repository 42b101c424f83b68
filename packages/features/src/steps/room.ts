import { PlexlineError } from "@plexline/protocol";
import type { Room, RoomMessage, Sender, TopicContext } from "@plexline/server";
import type { ResolvedOptions } from "./options.ts";
import { readPage } from "./page.ts";
import {
  CLAIM_COMMAND,
  type ModeClaim,
  SINCE_COMMAND,
  type StepsSnapshot,
  SUBMIT_COMMAND,
} from "./protocol.ts";
import { parseClaim, parseSince, parseSubmit } from "./request.ts";
import { readHead } from "./step-store.ts";
import { claimMode, roomClosed, submitSteps } from "./submitting.ts";

/**
 * What a steps document does while somebody on this node uses it. It remembers nothing: every request reads where the document
 * stands, so that nodes need not tell each other.
 */
export function createStepsRoom(topic: TopicContext, options: ResolvedOptions): Room {
  const { limits, roles } = options;

  const call = async (sender: Sender, command: string, input: unknown): Promise<unknown> => {
    switch (command) {
      case SUBMIT_COMMAND:
        assertWriter(roles, sender);
        return submitSteps(topic, sender, parseSubmit(input, limits));
      case SINCE_COMMAND:
        return readPage(topic, parseSince(input), limits);
      case CLAIM_COMMAND: {
        assertWriter(roles, sender);
        const claim: ModeClaim = { mode: await claimMode(topic, sender, parseClaim(input)) };
        return claim;
      }
      default:
        throw new PlexlineError("COMMAND_UNKNOWN", {
          message: "Steps documents have the commands submit, since and claim.",
          fix: "Use one of these.",
        });
    }
  };
  const assertRoomOpen = (): void => {
    if (topic.signal.aborted) throw roomClosed();
  };

  return {
    async onSubscribe(): Promise<StepsSnapshot> {
      assertRoomOpen();
      const { version, mode } = await readHead(topic);
      return { head: version, ...(mode === null ? {} : { mode }) };
    },
    async onMessage(sender, message) {
      assertRoomOpen();
      if (message.type !== "call") throw unsupported(message.type);
      return call(sender, message.command, message.input);
    },
  };
}

/** The engine has checked `call`, which reading needs too. */
function assertWriter(roles: ResolvedOptions["roles"], { role }: Sender): void {
  if (Object.hasOwn(roles, role) && roles[role]?.includes("publish")) return;
  throw new PlexlineError("FORBIDDEN", { message: `The role ${role} does not write in this document.` });
}

function unsupported(type: Exclude<RoomMessage["type"], "call">): PlexlineError {
  return new PlexlineError("OPERATION_UNSUPPORTED", {
    message: `Steps documents take no ${type}.`,
    fix: "Call submit to write, and since to read.",
  });
}
