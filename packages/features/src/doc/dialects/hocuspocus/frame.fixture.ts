import * as encoding from "lib0/encoding";

// The frames of a client, written by the library that providers write them with.

function frame(address: string, numbers: readonly number[], ...parts: (Uint8Array | string)[]) {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, address);
  for (const number of numbers) encoding.writeVarUint(encoder, number);
  for (const part of parts) {
    if (typeof part === "string") encoding.writeVarString(encoder, part);
    else encoding.writeVarUint8Array(encoder, part);
  }
  return encoding.toUint8Array(encoder) as Uint8Array<ArrayBuffer>;
}

export const EMPTY_VECTOR: Uint8Array = Uint8Array.of(0);
export const EMPTY: Uint8Array = Uint8Array.of(0, 0);

export const authOf = (address: string, token: string, version?: string) =>
  frame(address, [2, 0], token, ...(version === undefined ? [] : [version]));
export const step1Of = (address: string, vector = EMPTY_VECTOR) => frame(address, [0, 0], vector);
export const step2Of = (address: string, update = EMPTY) => frame(address, [0, 1], update);
export const updateOf = (address: string, update: Uint8Array) => frame(address, [0, 2], update);
export const awarenessOf = (address: string, awareness: Uint8Array) => frame(address, [1], awareness);
export const authenticatedOf = (address: string, scope = "read-write") => frame(address, [2, 2], scope);
export const tokenRequestOf = (address: string) => frame(address, [2, 0]);
export const queryOf = (address: string) => frame(address, [3]);
export const statelessOf = (address: string, text: string) => frame(address, [5], text);
export const broadcastOf = (address: string, text: string) => frame(address, [6], text);
export const leaveOf = (address: string) => frame(address, [7]);
export const leftOf = (address: string) => frame(address, [7], "left");
export const statusOf = (address: string, status: 0 | 1) => frame(address, [8, status]);
export const frameOf = frame;
