// The wire of streams and runs, for those who speak it without a client.

export * from "./cursor.ts";
export * from "./protocol.ts";
export * from "./run/event.ts";
