import { describe, expect, test } from "vitest";
import { append, call, codeOf, join, start, TOPIC } from "./stream.fixture.ts";

const producer = { id: "p", generation: 0, sequence: 0 };

describe("the guard", () => {
  test.each([
    ["append", undefined, "input"],
    ["append", {}, "values"],
    ["append", { values: [] }, "values"],
    ["append", { values: [1, 2, 3, 4] }, "values"],
    ["append", { values: [1], producer: "p" }, "producer"],
    ["append", { values: [1], producer: { ...producer, id: "" } }, "producer.id"],
    ["append", { values: [1], producer: { ...producer, id: "a\u0007" } }, "producer.id"],
    ["append", { values: [1], producer: { ...producer, id: "x".repeat(129) } }, "producer.id"],
    ["append", { values: [1], producer: { ...producer, generation: -1 } }, "producer.generation"],
    ["append", { values: [1], producer: { ...producer, sequence: 0.5 } }, "producer.sequence"],
    ["append", { values: [1], producer: { ...producer, sequence: 2 ** 53 } }, "producer.sequence"],
    ["append", { values: [1], order: 1 }, "order"],
    ["append", { values: [1], contentType: "" }, "contentType"],
    ["append", { values: [1], close: 1 }, "close"],
    ["append", { values: [1], existing: 1 }, "existing"],
    ["create", { kind: "xml" }, "kind"],
    ["create", { ttlMs: 0 }, "ttlMs"],
    ["create", { expiresAtMs: "soon" }, "expiresAtMs"],
    ["create", { metadata: [] }, "metadata"],
    ["create", { kind: "text", values: ["a", 1] }, "values[1]"],
    ["create", { kind: "bytes", values: ["a"] }, "values[0]"],
    ["attach", { producer: 1 }, "producer"],
    ["attach", { producer: "p", leaseMs: 999 }, "leaseMs"],
    ["attach", { producer: "p", leaseMs: 3_600_001 }, "leaseMs"],
    ["renew", { producer: "p" }, "generation"],
    ["ask", { id: "a" }, "prompt"],
    ["ask", { prompt: 1 }, "id"],
    ["outcome", { request: "r", status: "maybe" }, "status"],
    ["cancel", { id: 1 }, "id"],
    ["cancel", { reason: 1 }, "reason"],
    ["steer", {}, "data"],
    ["respond", { data: 1 }, "ask"],
    ["respond", { ask: "a" }, "data"],
    ["respond", { ask: "a", data: 1, status: "declined" }, "data"],
    ["describe", {}, "metadata"],
  ])("[ST30] %s refuses %j and names the field %s", async (command, input, field) => {
    const ada = await join(await start({ appendChunksMax: 3 }), "ada");
    const reply = await ada.request({ type: "call", topic: TOPIC, command, input });
    expect(reply).toMatchObject({ ok: false, error: { code: "PAYLOAD_INVALID" } });
    expect(reply.ok ? "" : reply.error.message).toContain(`${field} `);
    expect(ada.all("push")).toEqual([]);
  });

  test("[ST30] values are of the stream's kind and size, all or none", async () => {
    const ada = await join(await start({ kind: "text", chunkBytesMax: 10 }), "ada");
    for (const values of [["a", 1], [null], [{}]])
      expect(await codeOf(ada, "append", { values })).toBe("PAYLOAD_INVALID");
    expect(await codeOf(ada, "append", { values: ["a", "123456789"] })).toBe("MESSAGE_TOO_LARGE");
    expect(await codeOf(ada, "append", { values: ["ääää"] })).toBe("ok");
    expect(await codeOf(ada, "append", { values: ["ääääa"] })).toBe("MESSAGE_TOO_LARGE");
    expect(ada.all("push")).toHaveLength(1);
  });

  test("[ST30] bytes are base64", async () => {
    const ada = await join(await start(), "ada");
    await call(ada, "create", { kind: "bytes" });
    for (const value of ["", "YQ==", "YWI=", "YWJj", "+/+/"]) await append(ada, [value]);
    for (const value of ["YQ", "YQ=", "=YQ=", "YW J", "YWJ-", 1])
      expect(await codeOf(ada, "append", { values: [value] })).toBe("PAYLOAD_INVALID");
  });

  test("[ST30] a fold takes the kind that it was made for", async () => {
    const fold = { initial: () => 0, apply: (count: number) => count + 1 };
    const ada = await join(await start({ fold }), "ada");
    expect(await codeOf(ada, "create", { kind: "text" })).toBe("PAYLOAD_INVALID");
    expect(await codeOf(ada, "create", { kind: "json" })).toBe("ok");
  });

  test("[ST31] readers read, and nothing else", async () => {
    const authorize = ({ principal }: { principal: { id: string } }) =>
      principal.id === "ada" ? ("write" as const) : ("read" as const);
    const server = await start({ authorize });
    const [ada, bob] = [await join(server, "ada"), await join(server, "bob")];
    await append(ada, ["x"]);
    const writing = "create append attach renew detach ask outcome cancel steer respond describe delete";
    for (const command of writing.split(" ")) expect(await codeOf(bob, command, {})).toBe("FORBIDDEN");
    for (const command of ["info", "touch"]) expect(await codeOf(bob, command)).toBe("ok");
    const publish = await bob.request({ type: "publish", topic: TOPIC, event: "chunk", payload: 1 });
    expect(publish).toMatchObject({ ok: false, error: { code: "FORBIDDEN" } });
    expect(await codeOf(ada, "other")).toBe("COMMAND_UNKNOWN");
    expect(await codeOf(bob, "toString")).toBe("COMMAND_UNKNOWN");
    expect(await codeOf(ada, "fold")).toBe("OPERATION_UNSUPPORTED");
  });
});
