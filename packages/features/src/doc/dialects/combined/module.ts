import type { EndpointSession } from "@plexline/server";

/** A message of a client of the combined socket: its type, and fields that nobody has looked at. */
export interface CombinedMessage extends Readonly<Record<string, unknown>> {
  readonly type: string;
}

/** Takes the messages of one connection. What it throws, or rejects with, is told to the client. */
export type CombinedListener = (message: CombinedMessage) => void | Promise<void>;

/**
 * Brings message types to the combined socket. It is opened once for each connection, and sends, subscribes and publishes
 * through the session it is given.
 *
 * @example
 * const echo: CombinedModule = {
 *   types: ["echo"],
 *   address: "id",
 *   open: (ws) => (message) => ws.send(JSON.stringify({ type: "echo", id: message.id })),
 * };
 */
export interface CombinedModule {
  /** The types that it takes, in full: `yjs:update`. */
  readonly types: readonly string[];
  /** The field by which its messages say what they are about; an error about a message repeats it. */
  readonly address: string;
  open(ws: EndpointSession): CombinedListener;
  /** The connection is over. */
  close?(ws: EndpointSession): void;
}

/**
 * The modules by the types that they take.
 *
 * @throws TypeError if two take the same type.
 */
export function modulesByType(modules: readonly CombinedModule[]): ReadonlyMap<string, CombinedModule> {
  const table = new Map<string, CombinedModule>();
  for (const module of modules) {
    for (const type of module.types) {
      if (table.has(type)) throw new TypeError(`Two modules of the combined socket take "${type}".`);
      table.set(type, module);
    }
  }
  return table;
}
