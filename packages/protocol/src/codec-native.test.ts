import { expect, test } from "vitest";
import { createClientCodec, createServerCodec } from "./codec-native.ts";
import type { BinaryMessage, ClientMessage, ServerMessage } from "./message.ts";

const client = createClientCodec();
const server = createServerCodec();

test("both sides have the name of the subprotocol", () => {
  expect([client.name, server.name]).toEqual(["plexline.v1", "plexline.v1"]);
});

test("messages with a type travel as text, binary messages as bytes [B1]", () => {
  const ask: ClientMessage = { type: "subscribe", ref: 1, topic: "doc:plan" };
  const answer: ServerMessage = { type: "reply", ref: 1, ok: true };
  const binary: BinaryMessage = { alias: 1, kind: 2, payload: Uint8Array.of(3) };
  expect(client.encode(ask)).toBeTypeOf("string");
  expect(server.decode(client.encode(ask))).toEqual(ask);
  expect(client.decode(server.encode(answer))).toEqual(answer);
  expect(client.encode(binary)).toEqual(Uint8Array.of(1, 2, 3));
  expect(server.decode(client.encode(binary))).toEqual(binary);
  expect(client.decode(server.encode(binary))).toEqual(binary);
});

test("each side reads only what the other sends", () => {
  expect(() => server.decode('{"type":"goaway","reconnectAfterMs":1}')).toThrow(
    expect.objectContaining({ code: "UNKNOWN_MESSAGE" }),
  );
  expect(() => client.decode('{"type":"hello"}')).toThrow(
    expect.objectContaining({ code: "UNKNOWN_MESSAGE" }),
  );
});

test("limits bound what is read", () => {
  const strict = createServerCodec({ depthMax: 1 });
  expect(() => strict.decode('{"type":"hello","x":{}}')).toThrow(
    expect.objectContaining({ code: "JSON_TOO_DEEP" }),
  );
});
