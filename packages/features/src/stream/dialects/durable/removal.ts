import type { EndpointSession } from "@plexline/server";
import { STREAM_COMMAND, type StreamInfo } from "../../protocol.ts";
import { ask, type Exchange } from "./exchange.ts";
import { recordOf, withRecord } from "./record.ts";
import { dropFork, presentForks } from "./references.ts";
import { refuseHidden } from "./slice.ts";

/**
 * Deletes a stream [DS22]. The forks have chunks of their own, so that nothing is kept but the name: an empty closed stream
 * stands there and says 410 until the last fork is gone [DS25].
 */
export async function removeStream(session: EndpointSession, exchange: Exchange): Promise<void> {
  const { topic, path } = exchange;
  const info = await ask<StreamInfo>(session, topic, STREAM_COMMAND.info);
  if (!recordOf(info).fork?.isCopying) refuseHidden(info);
  const record = recordOf(info);
  const forks = await presentForks(session, exchange, record);
  await ask(session, topic, STREAM_COMMAND.delete);
  if (forks.length > 0) {
    const { fork } = record;
    const left = { forks, isGone: true as const, ...(fork === undefined ? {} : { fork }) };
    const { kind, contentType } = info;
    const metadata = withRecord(undefined, left);
    await ask(session, topic, STREAM_COMMAND.create, { kind, contentType, metadata, close: true });
  } else if (record.fork) await dropFork(session, exchange, { from: record.fork.from, fork: path });
}

/** Removes what a deleted stream has left behind if its forks are gone by now, of age for one; false if it stays. */
export async function removeForgotten(
  session: EndpointSession,
  exchange: Exchange,
  info: StreamInfo,
): Promise<boolean> {
  const record = recordOf(info);
  if (!record.isGone || (await presentForks(session, exchange, record)).length > 0) return false;
  await ask(session, exchange.topic, STREAM_COMMAND.delete);
  if (record.fork) await dropFork(session, exchange, { from: record.fork.from, fork: exchange.path });
  return true;
}
