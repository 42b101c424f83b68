import { expect, test } from "vitest";
import { codeOf, insert, startApi, written } from "./api.fixture.ts";

type Listed = { readonly documents: readonly { readonly id: string }[]; readonly next: string | null };

test("[DH10] a caller is told the documents it may read, how, and where they stand", async () => {
  const api = await startApi();
  const record = { tenant: "default", clearance: 0, editors: [], viewers: [], openToTenant: false };
  for (const topic of ["doc:a", "doc:b", "doc:c"])
    await api.app.records.set({ ...record, topic, owner: "eve" });
  await api.app.records.set({ ...record, topic: "doc:d", owner: null, viewers: ["ada"] });
  await api.app.records.set({ ...record, topic: "doc:e", tenant: "other", owner: "ada" });
  await api.app.records.set({ ...record, topic: "gone:f", owner: "ada" });
  await api.append("plan", written(1, insert("x")).all);
  const { position } = await (await api.append("plan", Uint8Array.of(0, 0))).json();
  const list = await (await api.ask("")).json();
  expect(list).toEqual({
    documents: [
      {
        id: "d",
        tenant: "default",
        owner: null,
        access: "read",
        position: { epoch: expect.any(String), offset: 0 },
      },
      { id: "plan", tenant: "default", owner: "ada", access: "write", position },
    ],
    next: null,
  });
});

test("[DH10] pages follow one another until next is null", async () => {
  const api = await startApi();
  for (const id of ["a", "b", "c"]) await api.ask(`/${id}`);
  const seen: string[] = [];
  let after = "";
  for (let page = 0; page < 5; page += 1) {
    const list: Listed = await (await api.ask(`?limit=2${after}`)).json();
    seen.push(list.documents.map(({ id }) => id).join());
    if (list.next === null) break;
    after = `&after=${encodeURIComponent(list.next)}`;
  }
  expect(seen).toEqual(["a,b", "c"]);
});

test.each(["limit=0", "limit=1001", "limit=x"])("[DH10] %s is out of range", async (query) => {
  const api = await startApi();
  const refused = await api.ask(`?${query}`);
  expect([refused.status, await codeOf(refused)]).toEqual([400, "PAYLOAD_INVALID"]);
});
