import { PlexlineError } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { STREAM_COMMAND, type StreamInfo } from "../../protocol.ts";
import { topicOf } from "./address.ts";
import { ask, type Exchange } from "./exchange.ts";
import { type DurableRecord, recordOf, withRecord } from "./record.ts";

/** Attempts to change a description that others change at the same time. */
const ATTEMPTS_MAX = 8;

/** Notes at the source that there is a fork of it [DS25]. */
export async function addFork(
  session: EndpointSession,
  { source, fork, info }: { readonly source: string; readonly fork: string; readonly info: StreamInfo },
): Promise<void> {
  await changeRecord(session, source, info, (record) => {
    const forks = record.forks ?? [];
    return forks.includes(fork) ? record : { ...record, forks: [...forks, fork] };
  });
}

/**
 * Notes at the source that a fork of it is gone. A source that was deleted before goes with its last fork, and tells its own
 * source [DS25].
 */
export async function dropFork(
  session: EndpointSession,
  { settings }: Exchange,
  dropped: { readonly from: string; readonly fork: string },
): Promise<void> {
  for (let next: typeof dropped | null = dropped; next !== null; ) {
    const { from, fork }: typeof dropped = next;
    next = null;
    const source = topicOf(from, settings.topic);
    const info = await infoIfAllowed(session, source);
    if (info === null) return;
    const left = await changeRecord(session, source, info, ({ forks = [], ...record }) => {
      const others = forks.filter((other) => other !== fork);
      return others.length === 0 ? record : { ...record, forks: others };
    });
    if (left === null || !left.isGone || left.forks !== undefined) return;
    await ask(session, source, STREAM_COMMAND.delete);
    if (left.fork) next = { from: left.fork.from, fork: from };
  }
}

/** The forks that a stream has at the moment: those that were deleted or have expired otherwise are left out. */
export async function presentForks(
  session: EndpointSession,
  { settings, path }: Exchange,
  { forks = [] }: DurableRecord,
): Promise<readonly string[]> {
  const present = await Promise.all(
    forks.map(async (fork) => {
      const info = await infoIfAllowed(session, topicOf(fork, settings.topic));
      return info !== null && recordOf(info).fork?.from === path;
    }),
  );
  return forks.filter((_, index) => present[index]);
}

/** Changes the record as it is by then, whoever else does; null if the stream is gone or not the caller's to change. */
async function changeRecord(
  session: EndpointSession,
  topic: string,
  seen: StreamInfo,
  change: (record: DurableRecord) => DurableRecord,
): Promise<DurableRecord | null> {
  let info: StreamInfo | null = seen;
  for (let attempt = 0; attempt < ATTEMPTS_MAX && info !== null; attempt += 1) {
    const before = recordOf(info);
    const after = change(before);
    if (after === before) return after;
    try {
      const input = { metadata: withRecord(info.metadata, after), expected: info.metadata ?? {} };
      await ask(session, topic, STREAM_COMMAND.describe, input);
      return after;
    } catch (error) {
      if (!(error instanceof PlexlineError)) throw error;
      // Whoever may only read the source may fork it all the same: the source just does not know of it.
      if (error.code === "FORBIDDEN" || error.code === "STREAM_ABSENT") return null;
      if (error.code !== "RESYNC") throw error;
      info = await infoIfAllowed(session, topic);
    }
  }
  if (info === null) return null;
  throw new PlexlineError("OVERLOADED", { message: "Too many forks of this stream are made at once." });
}

async function infoIfAllowed(session: EndpointSession, topic: string): Promise<StreamInfo | null> {
  try {
    return await ask<StreamInfo>(session, topic, STREAM_COMMAND.info);
  } catch (error) {
    if (error instanceof PlexlineError && (error.code === "STREAM_ABSENT" || error.code === "FORBIDDEN"))
      return null;
    throw error;
  }
}
