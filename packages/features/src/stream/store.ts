import type { Position } from "@plexline/protocol";
import type { Put, TopicContext } from "@plexline/server";
import {
  ABSENT,
  type Change,
  type Description,
  type Ended,
  NO_REQUESTS,
  type ProducerState,
  type Requests,
  type StreamState,
} from "./state.ts";

const INFO = "info";
const REQUESTS = "requests";
const ORDER = "order";
const USED = "used";
const producerKey = (id: string): string => `producer/${id}`;

/** Versions of the values that a state was read from, by key. 0: there is none. */
type Versions = Map<string, number>;

/** A state and what it takes to replace it. */
export interface Loaded {
  readonly state: StreamState;
  readonly versions: Versions;
}

/** What is stored under `info`. A stream that is gone leaves a value behind, so that no version of it comes twice. */
type StoredInfo = Description | { readonly ended: Ended };

/** Reads the whole state of a stream: what is durable of it now. */
export async function loadState(topic: TopicContext): Promise<Loaded> {
  const versions: Versions = new Map();
  const read = async <Value>(key: string): Promise<Value | undefined> => {
    const stored = await topic.getStored(key);
    versions.set(key, stored?.version ?? 0);
    return stored && (JSON.parse(new TextDecoder().decode(stored.value)) as Value);
  };
  const info = await read<StoredInfo>(INFO);
  if (info === undefined) return { state: ABSENT, versions };
  if ("ended" in info) return { state: { ...ABSENT, ended: info.ended }, versions };
  const [requests, order, used, producers] = await Promise.all([
    read<Requests>(REQUESTS),
    read<string>(ORDER),
    read<number>(USED),
    Promise.all(info.producers.map((id) => read<ProducerState>(producerKey(id)))),
  ]);
  const known = info.producers.flatMap((id, index): [string, ProducerState][] => {
    const producer = producers[index];
    return producer === undefined ? [] : [[id, producer]];
  });
  return {
    state: {
      info,
      ended: null,
      producers: new Map(known),
      requests: requests ?? NO_REQUESTS,
      order: order ?? null,
      usedAtMs: used ?? info.createdAtMs,
    },
    versions,
  };
}

/**
 * Commits a change with its entries, on the condition that nobody has changed meanwhile what it is based on: the description,
 * which every change looks at, and whatever it replaces. `versions` go on to those after the change at once, so that the next
 * one can follow while this one is under way.
 */
export function commitChange(
  topic: TopicContext,
  { state, versions }: Loaded,
  change: Change,
  nowMs: number,
): Promise<Position> {
  if (change.ends) return commitEnd(topic, { state, versions }, nowMs);
  const checks = [check(versions, INFO)];
  const puts: Put[] = [];
  const deletes: string[] = [];
  const put = (key: string, value: Put["value"]): void => {
    if (key !== INFO) checks.push(check(versions, key));
    puts.push({ key, value });
    versions.set(key, (versions.get(key) ?? 0) + 1);
  };
  if (change.info) put(INFO, encode(change.info));
  for (const [id, producer] of change.producers ?? []) {
    const key = producerKey(id);
    if (producer) put(key, encode(producer));
    else {
      checks.push(check(versions, key));
      deletes.push(key);
      versions.set(key, 0);
    }
  }
  if (change.requests) {
    const { requests, place, events } = change;
    // Where a request stands in the log is known inside the commit.
    put(REQUESTS, (positions) => {
      const last = positions[0];
      if (last) place?.(last.offset - events.length + 1);
      return encode(requests);
    });
  }
  if (change.order !== undefined) put(ORDER, encode(change.order));
  if (change.usedAtMs !== undefined) {
    // Whoever used it, it has been used: only the end of a stream asks for the version.
    puts.push({ key: USED, value: encode(change.usedAtMs) });
    versions.set(USED, (versions.get(USED) ?? 0) + 1);
  }
  return topic.append(change.events, { puts, deletes, checks });
}

/** The stream goes: all its values but one, which says that its log has to begin anew. */
function commitEnd(topic: TopicContext, { state, versions }: Loaded, nowMs: number): Promise<Position> {
  // Which log goes with it is known inside the commit: this node may not have heard yet that it is another one.
  const ended = (positions: readonly Position[]): Ended => ({
    epoch: positions[0]?.epoch ?? "",
    atMs: nowMs,
  });
  return topic.append([], {
    checks: [check(versions, INFO), check(versions, USED)],
    puts: [{ key: INFO, value: (positions) => encode({ ended: ended(positions) }) }],
    deletes: [REQUESTS, ORDER, USED, ...[...state.producers.keys()].map(producerKey)],
  });
}

function check(versions: Versions, key: string): { key: string; version: number } {
  return { key, version: versions.get(key) ?? 0 };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
