import { describe, expect, test, vi } from "vitest";
import { codeOf, insert, joinDocument, startApi, written } from "./api.fixture.ts";

const FACT = { timeout: 15_000, interval: 5 };

describe("deleting", () => {
  test("[DH13] the document is empty, in another epoch, and can be seeded again; its record stays", async () => {
    const api = await startApi();
    const { all } = written(1, insert("old"));
    const { position } = await (await api.append("plan", all)).json();
    const gone = await api.ask("/plan", { method: "DELETE" });
    expect([gone.status, await gone.text()]).toEqual([204, ""]);
    const read = await api.ask("/plan", { headers: { "if-none-match": `"${position.epoch}:0"` } });
    expect([read.status, new Uint8Array(await read.arrayBuffer())]).toEqual([200, Uint8Array.of(0, 0)]);
    expect((await (await api.ask("")).json()).documents).toMatchObject([{ id: "plan", owner: "ada" }]);
    const seed = { update: Buffer.from(written(2, insert("new")).all).toString("base64") };
    expect((await api.json("/plan/seed", "PUT", seed)).status).toBe(201);
    expect(await (await api.ask("/plan?format=text")).text()).toBe("new");
  });

  test("[DH13] whoever has it open is told that it is another one [DC17]", async () => {
    const api = await startApi();
    await api.append("plan", written(1, insert("old")).all);
    const { heard } = await joinDocument(api, "plan");
    await api.ask("/plan", { method: "DELETE" });
    const gap = { type: "gap", topic: "doc:plan", reason: "reset" };
    await vi.waitFor(() => expect(heard).toContainEqual(expect.objectContaining(gap)), FACT);
  });

  test("[DH13] an editor may not, and nothing happens", async () => {
    const api = await startApi();
    await api.append("plan", written(1, insert("x")).all);
    expect((await api.append("plan", written(2, insert("y")).all, { as: "bob" })).status).toBe(200);
    const refused = await api.ask("/plan", { method: "DELETE", as: "bob" });
    expect([refused.status, await codeOf(refused)]).toEqual([403, "FORBIDDEN"]);
    expect(await (await api.ask("/plan?format=text")).text()).toHaveLength(2);
  });
});
