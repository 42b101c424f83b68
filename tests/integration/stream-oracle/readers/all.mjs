// Everybody who reads a run.
import { readDurableEventSource, readEventSource } from "./event-source.mjs";
import { readDurablePoll, readDurableSse, readPoll, readSse } from "./fetched.mjs";
import { readHopping } from "./hopper.mjs";
import { readHttp, readNative } from "./native.mjs";
import { readAgentSocket, readSocket } from "./socket.mjs";
import { readSwitching } from "./switching.mjs";

/** By name; the transport is what figures are told by. */
const FROM_THE_FIRST = {
  native: { transport: "websocket", read: readNative },
  socket: { transport: "websocket", read: readSocket },
  "agent-socket": { transport: "websocket", read: readAgentSocket },
  "event-source": { transport: "sse", read: readEventSource },
  sse: { transport: "sse", read: readSse },
  poll: { transport: "longPoll", read: readPoll },
  http: { transport: "sse", read: readHttp },
  switching: { transport: "hopping", read: readSwitching },
};
/** A Durable Stream is there once somebody has written. */
const FROM_THE_FIRST_CHUNK = {
  "durable-event-source": { transport: "sse", read: readDurableEventSource },
  "durable-sse": { transport: "sse", read: readDurableSse },
  "durable-poll": { transport: "longPoll", read: readDurablePoll },
  hopper: { transport: "hopping", read: readHopping },
};
/** Who comes in the middle, and is given the fold. */
const LATE = {
  "late-native": {
    transport: "websocket",
    read: (options) => readNative({ ...options, hasFold: true }),
  },
  "late-socket": { transport: "websocket", read: readSocket },
  "late-sse": { transport: "sse", read: readSse },
  "late-poll": { transport: "longPoll", read: readPoll },
};

const startAll = (kinds) => (options) =>
  Object.entries(kinds).map(([name, { transport, read }]) => ({ transport, ...read({ ...options, name }) }));

export const startFirstReaders = startAll(FROM_THE_FIRST);
export const startChunkReaders = startAll(FROM_THE_FIRST_CHUNK);
export const startLateReaders = startAll(LATE);
