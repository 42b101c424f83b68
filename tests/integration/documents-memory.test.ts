import { expect, test } from "vitest";
import { measureDocumentMemory } from "./oracle-documents/memory.mjs";

const DOCUMENTS = 1_000;
const LEFT_BYTES_MAX = 2_048;

test("a document that everybody has left takes less than 2 KB of the server's heap", {
  timeout: 180_000,
}, async () => {
  const { leftBytes, peakRooms, held } = await measureDocumentMemory({
    documents: DOCUMENTS,
    tell: (line) => process.stdout.write(`documents in memory: ${line}\n`),
  });
  expect(peakRooms).toBeGreaterThan(DOCUMENTS / 4);
  for (const { rooms, sessions, sockets } of held)
    expect({ rooms, sessions, sockets }).toEqual({ rooms: 0, sessions: 0, sockets: 0 });
  expect(leftBytes).toBeLessThan(LEFT_BYTES_MAX);
});
