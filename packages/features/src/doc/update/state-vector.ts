import { expectEnd, readCount, readerOf, readUint } from "./reader.ts";
import { refuse } from "./refuse.ts";
import type { StateVector } from "./update-scan.ts";
import { createWriter, writeUint, writtenBytes } from "./writer.ts";

/** Limits of a state vector that comes from outside. */
export interface StateVectorLimits {
  readonly clientsMax: number;
  readonly clockMax: number;
}

/** Decodes a state vector as Yjs encodes it. Throws UPDATE_INVALID for bytes that are none or over a limit. */
export function decodeStateVector(bytes: Uint8Array, limits: StateVectorLimits): StateVector {
  const reader = readerOf(bytes);
  const count = readCount(reader, 2, "client ids");
  if (count > limits.clientsMax) refuse(`a state vector has more than ${limits.clientsMax} client ids`, 0);
  const vector = new Map<number, number>();
  for (let index = 0; index < count; index++) {
    const at = reader.at;
    const client = readUint(reader);
    const clock = readUint(reader);
    if (clock > limits.clockMax) refuse(`a clock is beyond ${limits.clockMax}`, at);
    if (vector.has(client)) refuse(`the client id ${client} comes twice`, at);
    vector.set(client, clock);
  }
  expectEnd(reader);
  return vector;
}

/** Encodes a state vector byte for byte as Yjs does. */
export function encodeStateVector(vector: StateVector): Uint8Array {
  const writer = createWriter(8 + vector.size * 8);
  writeUint(writer, vector.size);
  for (const client of [...vector.keys()].sort((a, b) => b - a)) {
    writeUint(writer, client);
    writeUint(writer, vector.get(client)!);
  }
  return writtenBytes(writer);
}

/** The higher clock of each client id. */
export function mergeStateVectors(left: StateVector, right: StateVector): StateVector {
  const merged = new Map(left);
  for (const [client, clock] of right) merged.set(client, Math.max(clock, merged.get(client) ?? 0));
  return merged;
}

/** Whether `outer` has all structs that `inner` has. */
export function coversStateVector(outer: StateVector, inner: StateVector): boolean {
  for (const [client, clock] of inner) if ((outer.get(client) ?? 0) < clock) return false;
  return true;
}
