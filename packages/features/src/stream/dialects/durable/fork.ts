import type { EndpointSession } from "@plexline/server";
import type { CreateOutput, StreamInfo } from "../../protocol.ts";
import { pathIn, topicOf } from "./address.ts";
import { baseType } from "./content.ts";
import { type Exchange, findStream } from "./exchange.ts";
import { refuse } from "./failure.ts";
import { copyFork } from "./fork-copy.ts";
import { planFork, sourceInfo, type WantedFork } from "./fork-plan.ts";
import { recordOf } from "./record.ts";
import { addFork, dropFork } from "./references.ts";
import type { Wanted } from "./writing.ts";

/**
 * Makes a stream with the first chunks of another one [DS23 to DS26]. They are copied: the fork has its own access, retention
 * and life, and nothing of the source has to stay for it. The source knows its forks by name.
 */
export async function createFork(
  session: EndpointSession,
  exchange: Exchange,
  wanted: Wanted,
  fork: WantedFork,
): Promise<CreateOutput> {
  const { topic, settings, path } = exchange;
  const from = pathIn(fork.from, settings.prefix);
  const asked = { ...fork, from };
  const existing = await findStream(session, topic);
  if (existing && !recordOf(existing).fork?.isCopying)
    return { created: false, info: sameFork(existing, wanted, asked) };
  const source = topicOf(from, settings.topic);
  const info = await sourceInfo(session, source, wanted);
  const plan = await planFork(session, { source, info, asked, wanted });
  await addFork(session, { source, fork: path, info });
  try {
    const made = await copyFork(session, { topic, source, info, plan, wanted });
    return made.created ? made : { created: false, info: sameFork(made.info, wanted, asked) };
  } catch (error) {
    // Somebody else may have made the same fork meanwhile, or may go on with it.
    if ((await findStream(session, topic)) === null) await dropFork(session, exchange, { from, fork: path });
    throw error;
  }
}

/** The stream as it is, if it is the fork that is wanted; else 409 [DS26]. */
function sameFork(info: StreamInfo, wanted: Wanted, asked: WantedFork): StreamInfo {
  const { fork, isGone } = recordOf(info);
  const { ttlMs, expiresAtMs } = wanted.lifetime;
  const isSame =
    !isGone &&
    fork !== undefined &&
    fork.from === asked.from &&
    offsetKey(fork) === offsetKey(asked) &&
    fork.sub === asked.sub &&
    (wanted.contentType === null || baseType(wanted.contentType) === baseType(info.contentType)) &&
    (fork.inherits
      ? ttlMs === undefined && expiresAtMs === undefined
      : ttlMs === info.ttlMs && expiresAtMs === info.expiresAtMs) &&
    (info.closed !== null) === wanted.isClosed;
  if (isSame) return info;
  throw refuse(409, "There is another stream of this name already.", "Choose another name.");
}

function offsetKey({ offset }: Pick<WantedFork, "offset">): string {
  return offset ?? "tail";
}
