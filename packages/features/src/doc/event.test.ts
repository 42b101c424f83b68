import * as encoding from "lib0/encoding";
import { describe, expect, test } from "vitest";
import { decodeDocEvent, encodeDocEvent } from "./event.ts";
import { DOC_KIND } from "./protocol.ts";
import { ada, bob, eve, openDoc, settled } from "./room.fixture.ts";
import { doc } from "./server.ts";

/** A payload as lib0 writes it. */
function written(...texts: readonly string[]): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const text of texts) encoding.writeVarString(encoder, text);
  return encoding.toUint8Array(encoder);
}

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

describe("an event of a document", () => {
  test.each([["hello"], [null], [{ a: [1, "ü", true] }], [0], ["x".repeat(16 * 1024 - 2)]])(
    "[DC20] is read as it was written",
    (data) => {
      const payload = encodeDocEvent({ name: "user-left2", data });
      expect(payload).toEqual(written("user-left2", JSON.stringify(data)));
      expect(decodeDocEvent(payload)).toEqual({ name: "user-left2", data });
    },
  );

  test("[DC20] has a name of at most 64 characters and data that nests at most 64 deep", () => {
    const name = `a${"-".repeat(63)}`;
    expect(decodeDocEvent(written(name, nested(64))).name).toBe(name);
    expect(() => decodeDocEvent(written(`${name}b`, "1"))).toThrow("65 bytes");
    expect(() => decodeDocEvent(written("a", nested(65)))).toThrow("nested");
  });

  test.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["no data", written("a")],
    ["an empty name", written("", "1")],
    ["a name in capitals", written("A", "1")],
    ["a name that begins with a digit", written("1a", "1")],
    ["a name with a line after it", written("a\n", "1")],
    ["no JSON", written("a", "{")],
    ["empty data", written("a", "")],
    ["data of 16 KiB and a byte", written("a", `"${"x".repeat(16 * 1024 - 1)}"`)],
    ["something after its end", written("a", "1", "2")],
    ["a length beyond its end", new Uint8Array([1, 97, 9, 49])],
    ["a text that is no UTF-8", new Uint8Array([1, 97, 3, 34, 0xff, 34])],
  ])("[DC20] is refused with %s", (_, payload) => {
    expect(() => decodeDocEvent(payload)).toThrow(expect.objectContaining({ code: "MALFORMED_MESSAGE" }));
  });

  test("[DC20] is not written with what no reader would take", () => {
    for (const event of [
      { name: "a", data: undefined },
      { name: "No", data: 1 },
      { name: "a", data: "x".repeat(16 * 1024) },
    ])
      expect(() => encodeDocEvent(event)).toThrow(expect.objectContaining({ code: "MALFORMED_MESSAGE" }));
  });
});

describe("events and notices of members", () => {
  const payload = encodeDocEvent({ name: "ping", data: { n: 1 } });

  test.each([DOC_KIND.event, DOC_KIND.notice])(
    "[DC20] kind %i is handed to all others as it came, and kept nowhere",
    async (kind) => {
      const page = await openDoc();
      for (const member of [ada, bob]) await page.subscribe(member);
      await page.send(ada, kind, payload);
      await settled();
      expect(page.topic.relayed).toEqual([
        { message: { alias: 0, kind, payload }, outbox: { policy: "drop-oldest" }, except: ada },
      ]);
      expect([page.topic.broadcasts, page.topic.entries, page.acked(ada)]).toEqual([[], [], 0]);
    },
  );

  test("[DC20] what cannot be read is answered MALFORMED_MESSAGE and handed to nobody", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    for (const kind of [DOC_KIND.event, DOC_KIND.notice])
      await expect(page.send(ada, kind, payload.subarray(1))).rejects.toMatchObject({
        code: "MALFORMED_MESSAGE",
      });
    expect(page.topic.relayed).toEqual([]);
  });

  test("[DC20] an event is for all who show their presence, a notice for writers", () => {
    const { binaryOperation, roles } = doc("page:{id}");
    expect(roles[eve.role]).toContain(binaryOperation?.(DOC_KIND.event));
    expect(roles[eve.role]).not.toContain(binaryOperation?.(DOC_KIND.notice));
    expect(roles[ada.role]).toContain(binaryOperation?.(DOC_KIND.notice));
  });
});
