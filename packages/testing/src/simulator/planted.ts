import type { Position } from "@plexline/protocol";
import type { Append, Feature } from "@plexline/server";
import type { SimulatedDisk, SimulatedStorage } from "./disk.ts";
import type { Plant } from "./plant.ts";

// Mistakes that servers of this kind have made. The checker has to find each of them.

/** Acknowledges and announces a commit when it is handed in, and not when it is durable. */
export const ackBeforeCommit: Plant = { storage: withoutWaiting };

/** Starts after a crash from a head that was saved a while ago: offsets that were given out are given out again. */
export const staleHead: Plant = { afterCrash: loseTail };

/** Forgets to let those go who are not connected: they are present for ever. */
export const leftBehind: Plant = { feature: keepingTheAbsent };

function withoutWaiting(storage: SimulatedStorage): SimulatedStorage {
  const heads = new Map<string, Position>();
  const positionAfter = async ({ topic, entries }: Append): Promise<Position> => {
    if (!heads.has(topic)) {
      const [window] = await storage.heads([topic]);
      if (!heads.has(topic)) heads.set(topic, { epoch: window?.epoch ?? "", offset: window?.head ?? 0 });
    }
    const { epoch, offset } = heads.get(topic) as Position;
    const position = { epoch, offset: offset + entries.length };
    heads.set(topic, position);
    return position;
  };
  return {
    ...storage,
    async commit(commit) {
      if (!commit.appends?.length) return storage.commit(commit);
      const positions: Position[] = [];
      for (const append of commit.appends) positions.push(await positionAfter(append));
      storage.commit(commit).catch(() => undefined);
      return positions;
    },
  };
}

/** Entries between two saves of the head. */
const HEAD_SAVED_EVERY = 4;

function loseTail({ content }: SimulatedDisk): void {
  for (const [topic, log] of content.logs) {
    const head = Math.max(log.floor, log.head - (log.head % HEAD_SAVED_EVERY));
    const entries = log.entries.filter(({ offset }) => offset <= head);
    content.logs.set(topic, { ...log, head, entries });
  }
}

function keepingTheAbsent(feature: Feature): Feature {
  return {
    ...feature,
    async open(topic) {
      const room = await feature.open(topic);
      const absent = new Set<string>();
      return {
        ...room,
        onAttachment({ sessionId }, attached) {
          if (attached) absent.delete(sessionId);
          else absent.add(sessionId);
        },
        onUnsubscribe(member) {
          if (!absent.has(member.sessionId)) room.onUnsubscribe?.(member);
        },
      };
    },
  };
}
