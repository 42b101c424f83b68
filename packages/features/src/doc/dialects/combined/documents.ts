import { parseTopic } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import type { BytesForm } from "../json-bytes.ts";
import { readBytes } from "./bytes.ts";
import { type Cursor, OwnCursor, readCursor } from "./cursor.ts";
import { CombinedFrameCache } from "./frame-cache.ts";
import { readName, refuse } from "./message.ts";
import type { CombinedListener, CombinedMessage, CombinedModule } from "./module.ts";
import { CombinedRoom } from "./room.ts";

/** The messages about documents: `yjs:update`, `yjs:sync`, `yjs:leave` and `presence`. */
export function documentMessages(topic: (room: string) => string): CombinedModule {
  const frames = new CombinedFrameCache();
  return {
    types: ["yjs:update", "yjs:sync", "yjs:leave", "presence"],
    address: "room",
    open: (ws) => listenTo(ws, topic, frames),
  };
}

/** The rooms of one connection. The engine bounds how many it may be in. */
function listenTo(
  ws: EndpointSession,
  topic: (room: string) => string,
  frames: CombinedFrameCache,
): CombinedListener {
  const rooms = new Map<string, CombinedRoom>();
  const own = new OwnCursor(ws.id);
  /** The form of the first bytes that the client sent: it can read what it writes. */
  let form: BytesForm | undefined;
  /** For every room, those that will be joined as well. */
  let cursor: Cursor | null = null;

  const bytesIn = (message: CombinedMessage, field: string): Uint8Array => {
    const read = readBytes(message[field], `${message.type}.${field}`);
    form ??= read.form;
    return read.bytes;
  };
  const roomIn = (message: CombinedMessage): CombinedRoom => {
    const name = readName(message, "room");
    const joined = rooms.get(name);
    if (joined) return joined;
    const room = new CombinedRoom(ws, {
      name,
      topic: parseTopic(topic(name), "The topic of the room"),
      frames,
      cursor: own,
      form: () => form ?? "base64",
      onEnd: (ended) => {
        if (rooms.get(name) === ended) rooms.delete(name);
      },
    });
    rooms.set(name, room);
    if (cursor) void room.show(cursor);
    return room;
  };

  const sync = (message: CombinedMessage): Promise<void> => {
    const { update, stateVector } = message;
    if (update !== undefined && stateVector !== undefined)
      refuse("yjs:sync has an update, which answers, and a stateVector, which asks");
    if (update !== undefined) {
      const bytes = bytesIn(message, "update");
      return roomIn(message).answer(bytes);
    }
    if (stateVector === undefined) return roomIn(message).ask();
    const bytes = bytesIn(message, "stateVector");
    return roomIn(message).askSince(bytes);
  };
  const present = async (message: CombinedMessage): Promise<void> => {
    const shown = readCursor(message);
    if (message.room !== undefined) return roomIn(message).show(shown);
    cursor = shown;
    await Promise.all([...rooms.values()].map((room) => room.show(shown)));
  };

  return (message) => {
    switch (message.type) {
      case "yjs:update": {
        // What is not an update joins nothing.
        const bytes = bytesIn(message, "update");
        return roomIn(message).update(bytes);
      }
      case "yjs:sync":
        return sync(message);
      case "yjs:leave":
        return rooms.get(readName(message, "room"))?.leave();
      default:
        return present(message);
    }
  };
}
