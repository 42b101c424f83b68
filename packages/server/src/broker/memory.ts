import type { Broker } from "./broker.ts";

type Receiver = (envelope: Uint8Array) => void;

/** A bus inside one process: nodes that connect to it hear each other, and never themselves. */
export interface MemoryBus {
  connect(): Broker;
}

/**
 * Creates a bus for several nodes in one process. `schedule` decides when an envelope arrives (default: in a
 * microtask), which is where a test puts delay, loss and reordering.
 */
export function createMemoryBus(schedule: (arrive: () => void) => void = queueMicrotask): MemoryBus {
  const nodes = new Set<Map<string, Set<Receiver>>>();
  return {
    connect() {
      const own = new Map<string, Set<Receiver>>();
      nodes.add(own);
      return {
        publish(subject, envelope) {
          if (!nodes.has(own)) return;
          for (const node of nodes) {
            if (node === own || !node.has(subject)) continue;
            schedule(() => {
              for (const receive of node.get(subject) ?? []) receive(envelope);
            });
          }
        },
        hasPeers: () => nodes.size > 1,
        subscribe(subject, receive) {
          const receivers = own.get(subject) ?? new Set<Receiver>();
          own.set(subject, receivers.add(receive));
          return Promise.resolve(() => {
            if (receivers.delete(receive) && receivers.size === 0) own.delete(subject);
          });
        },
        close() {
          nodes.delete(own);
          return Promise.resolve();
        },
      };
    },
  };
}

/** The broker of a node that runs alone: the default. */
export function createMemoryBroker(): Broker {
  return createMemoryBus().connect();
}
