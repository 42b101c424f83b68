import { createTestMember, createTestSender } from "@plexline/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Sender } from "../feature/feature.ts";
import { decodeBinaryEntry, encodeBinaryEntry, isBinaryEntry } from "./binary-entry.ts";
import { decodeEntry, encodeEntry } from "./entry.ts";

const stored = (data: Uint8Array) => ({ data, offset: 7, atMs: 1_234 });
const service: Sender = {
  ...createTestSender("sync"),
  principal: { ...createTestSender("sync").principal, kind: "service" },
};

test("a binary entry is read as it was written, whoever sent it", () => {
  fc.assert(
    fc.property(
      fc.nat(2 ** 31 - 1),
      fc.uint8Array(),
      fc.option(fc.tuple(fc.string({ minLength: 1 }), fc.option(fc.string({ minLength: 1 }), { nil: null }))),
      (kind, payload, from) => {
        const sender = from && { ...createTestSender(from[0]), sessionId: from[1] };
        const data = encodeBinaryEntry({ kind, payload, ...(sender ? { sender } : {}) });
        const { entry, principalKind } = decodeBinaryEntry(stored(data));
        expect(principalKind).toBe("user");
        expect({ ...entry, payload: [...entry.payload] }).toEqual({
          kind,
          payload: [...payload],
          offset: 7,
          atMs: 1_234,
          // Lone surrogates have no UTF-8; ids are well-formed text.
          ...(sender ? { user: Buffer.from(sender.principal.id).toString() } : {}),
          ...(sender?.sessionId ? { from: Buffer.from(sender.sessionId).toString() } : {}),
        });
      },
    ),
  );
});

test("the kind of principal is kept", () => {
  const data = encodeBinaryEntry({ kind: 1, payload: new Uint8Array(3), sender: service });
  expect(decodeBinaryEntry(stored(data))).toMatchObject({
    principalKind: "service",
    entry: { user: "sync" },
  });
});

test("the log tells events and binary messages apart", () => {
  const event = encodeEntry({ event: "moved", payload: 1, sender: createTestMember("ada") }, 5);
  const binary = encodeBinaryEntry({
    kind: 0,
    payload: new Uint8Array([123]),
    sender: createTestMember("ada"),
  });
  expect([isBinaryEntry(event), isBinaryEntry(binary)]).toEqual([false, true]);
  expect(decodeEntry("t", stored(event))).toMatchObject({ push: { event: "moved", offset: 7, user: "ada" } });
  expect(decodeEntry("t", stored(binary))).toMatchObject({ binary: { kind: 0, offset: 7, from: "s-ada" } });
});

test.each([-1, 1.5, 2 ** 31])("a kind of %d cannot be stored, for it cannot travel [B2]", (kind) => {
  expect(() => encodeBinaryEntry({ kind, payload: new Uint8Array() })).toThrow(
    expect.objectContaining({ code: "MALFORMED_MESSAGE" }),
  );
});
