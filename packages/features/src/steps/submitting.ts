import { PlexlineError } from "@plexline/protocol";
import type { Sender, TopicContext } from "@plexline/server";
import { CLAIMED_EVENT, type DocumentMode, STEPS_EVENT, type SubmitOutput } from "./protocol.ts";
import type { Submit } from "./request.ts";
import {
  giveToOwner,
  type Head,
  holdsSteps,
  ownerOf,
  readHead,
  readOwner,
  replaceHead,
  stepPuts,
} from "./step-store.ts";

/**
 * How often one request is tried. Whoever loses a race sees the winner's head the next time, and then there is little left to
 * race for: a claim and another submit may come before a submit, and that is all.
 */
const TRIES_MAX = 4;

/** Accepts steps if they build on the head, recognises them if they are there already, refuses them otherwise [SP1 to SP5]. */
export function submitSteps(topic: TopicContext, sender: Sender, submit: Submit): Promise<SubmitOutput> {
  return untilNoConflict(() => trySubmit(topic, sender, submit));
}

/** Fixes the mode of a document unless it is fixed; resolves with the one that is [SP15]. */
export function claimMode(topic: TopicContext, sender: Sender, mode: DocumentMode): Promise<DocumentMode> {
  return untilNoConflict(async () => {
    const head = await readHead(topic);
    if (head.mode !== null) return head.mode;
    assertOpen(topic);
    await topic.append(
      { event: CLAIMED_EVENT, payload: { mode }, sender },
      replaceHead(head, { version: head.version, mode }),
    );
    return mode;
  });
}

/** The error of whatever reaches a room that has closed. */
export function roomClosed(): PlexlineError {
  return new PlexlineError("SHUTTING_DOWN", {
    message: "The document was closed on this node; nothing was done.",
  });
}

async function trySubmit(topic: TopicContext, sender: Sender, submit: Submit): Promise<SubmitOutput> {
  const { version, clientID, steps } = submit;
  const [head, owner] = await Promise.all([readHead(topic), readOwner(topic, clientID)]);
  const epoch = topic.window?.epoch ?? "";
  const user = ownerOf(sender.principal);
  if (head.mode === "yjs") throw editedWithYjs();
  if (owner !== undefined && owner !== user) throw clientIdTaken();
  if (submit.epoch !== undefined && submit.epoch !== epoch)
    return { accepted: false, head: head.version, epoch };
  if (version !== head.version) {
    const isRepeated = await holdsSteps(topic, head, version, clientID, steps);
    return { accepted: isRepeated, ...(isRepeated ? { repeated: true } : {}), head: head.version, epoch };
  }
  assertOpen(topic);
  await append(topic, sender, head, submit, owner === undefined ? user : undefined);
  return { accepted: true, head: version + steps.length, epoch };
}

/** One commit: the entry that subscribers get, the steps, the head, and whose the client id is if that is new. */
async function append(
  topic: TopicContext,
  sender: Sender,
  head: Head,
  { version, clientID, steps }: Submit,
  newOwner: string | undefined,
): Promise<void> {
  const payload = { version, steps: steps.map(({ step }) => step), clientIDs: steps.map(() => clientID) };
  const moved = replaceHead(head, { version: version + steps.length, mode: "steps" });
  const given = newOwner === undefined ? { checks: [], puts: [] } : giveToOwner(clientID, newOwner);
  await topic.append(
    { event: STEPS_EVENT, payload, sender },
    {
      checks: [...moved.checks, ...given.checks],
      puts: [...stepPuts(version, clientID, steps), ...moved.puts, ...given.puts],
    },
  );
}

/** Tries again when somebody else's commit has come between reading the head and moving it: what was read is out of date. */
async function untilNoConflict<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Error && error.name === "ConflictError")) throw error;
      if (tries === TRIES_MAX)
        throw new PlexlineError("OVERLOADED", { message: "The document changes too fast.", cause: error });
    }
  }
}

function assertOpen(topic: TopicContext): void {
  if (topic.signal.aborted) throw roomClosed();
}

function editedWithYjs(): PlexlineError {
  return new PlexlineError("OPERATION_UNSUPPORTED", {
    message: "This document is edited with Yjs and takes no steps.",
    fix: "Send Yjs updates to the document of this name, or use another name.",
  });
}

function clientIdTaken(): PlexlineError {
  return new PlexlineError("CLIENT_ID_TAKEN", {
    message: "The client id belongs to another user's editor.",
    fix: "Give each editor a clientID of its own; collab() makes a random one by default.",
  });
}
