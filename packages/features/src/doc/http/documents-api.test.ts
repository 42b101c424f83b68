import { createMemoryStorage, systemRandom } from "@plexline/server";
import { createFaultyStorage } from "@plexline/testing";
import { describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { codeOf, insert, startApi, written } from "./api.fixture.ts";
import { documentsApi } from "./documents-api.ts";

// Over real sockets: what is shown is what any HTTP client sees.

const FACT = { timeout: 15_000, interval: 5 };

describe("reading", () => {
  test("[DH4] a document is answered as one update with its position, and as 304 until it changes", async () => {
    const api = await startApi();
    const { updates } = written(1, insert("one"), insert("two"));
    const first = await (await api.append("plan", updates[0]!)).json();
    const read = await api.ask("/plan");
    expect([read.status, read.headers.get("content-type")]).toEqual([200, "application/octet-stream"]);
    const etag = read.headers.get("etag") ?? "";
    expect(etag).toBe(`"${first.position.epoch}:${first.position.offset}"`);
    const ydoc = new Y.Doc();
    Y.applyUpdate(ydoc, new Uint8Array(await read.arrayBuffer()));
    expect(ydoc.getText("content").toString()).toBe("one");

    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await api.ask("/plan", { headers: { "if-none-match": known } });
      expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    }
    await api.append("plan", updates[1]!);
    const changed = await api.ask("/plan", { headers: { "if-none-match": etag } });
    expect(changed.status).toBe(200);
    Y.applyUpdate(ydoc, new Uint8Array(await changed.arrayBuffer()));
    expect(ydoc.getText("content").toString()).toBe("onetwo");
  });

  test("[DH4] an empty document is the empty update", async () => {
    const api = await startApi();
    const read = await api.ask("/nothing-yet");
    expect(new Uint8Array(await read.arrayBuffer())).toEqual(Uint8Array.of(0, 0));
  });

  test("[DH5] JSON and text, by format or by Accept", async () => {
    const api = await startApi();
    const { all } = written(1, insert("Hello"), (ydoc) => ydoc.getMap("meta").set("title", "Plan"));
    await api.append("plan", all);
    const asJson = { content: "Hello", meta: { title: "Plan" } };
    const json = await api.ask("/plan?format=json");
    expect([await json.json(), json.headers.get("content-type")]).toEqual([asJson, "application/json"]);
    const accepted = await api.ask("/plan", {
      headers: { accept: "text/html, application/json;q=0.9, */*;q=0.1" },
    });
    expect(await accepted.json()).toEqual(asJson);
    expect(accepted.headers.get("vary")).toContain("Accept");
    const text = await api.ask("/plan?format=text&name=content");
    expect([await text.text(), text.headers.get("content-type")]).toEqual([
      "Hello",
      "text/plain; charset=utf-8",
    ]);
    expect(await (await api.ask("/plan?format=text&name=absent")).text()).toBe("");
    const wrong = await api.ask("/plan?format=text&name=meta");
    expect([wrong.status, await codeOf(wrong)]).toEqual([400, "PAYLOAD_INVALID"]);
    const typed = await api.ask("/plan?format=json&types=content:xml,meta:map");
    expect(await typed.json()).toMatchObject({ meta: { title: "Plan" } });
  });

  test("[DH6] an export is a file, whatever the browser would like to show", async () => {
    const api = await startApi();
    await api.append("a-b", written(1, insert("x")).all);
    const file = await api.ask("/a-b/export?format=text", { headers: { accept: "application/json" } });
    expect(await file.text()).toBe("x");
    expect(file.headers.get("content-disposition")).toBe(
      `attachment; filename="a-b.txt"; filename*=UTF-8''a-b.txt`,
    );
    const plain = await api.ask("/a-b/export", { headers: { accept: "application/json" } });
    expect(plain.headers.get("content-type")).toBe("application/octet-stream");
    const odd = await api.ask(`/${encodeURIComponent("plän/(1)")}/export`);
    expect(odd.headers.get("content-disposition")).toBe(
      `attachment; filename="pl_n__1_.yjs"; filename*=UTF-8''pl%C3%A4n%2F%281%29.yjs`,
    );
  });

  test("[DH1] HEAD answers as GET does, without the body", async () => {
    const api = await startApi();
    await api.append("plan", written(1, insert("x")).all);
    const head = await api.ask("/plan", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect(head.headers.get("etag")).toBe((await api.ask("/plan")).headers.get("etag"));
  });
});

describe("appending", () => {
  test("[DH7] the answer comes when the update is durable, not before", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: systemRandom }));
    const api = await startApi({ storage });
    const { updates } = written(1, insert("one"), insert("two"));
    await api.append("plan", updates[0]!);
    storage.hold();
    let isAnswered = false;
    const answer = api.append("plan", updates[1]!).finally(() => {
      isAnswered = true;
    });
    // Another document's request goes all the way and back meanwhile.
    expect((await api.ask("/plan")).status).toBe(200);
    expect(isAnswered).toBe(false);
    storage.release();
    expect(await (await answer).json()).toMatchObject({ position: { offset: 2 }, known: false });
  });

  test("[DH7] what the document has already is known, and not stored again", async () => {
    const api = await startApi();
    const { all } = written(1, insert("one"));
    const [first, second] = [await api.append("plan", all), await api.append("plan", all)];
    const { position } = await first.json();
    expect(await second.json()).toEqual({ position, known: true });
    expect((await (await api.append("plan", Uint8Array.of(0, 0))).json()).known).toBe(true);
  });

  test("[DH3] while the storage cannot write, an append is 503 and says when to come again", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: systemRandom }));
    const api = await startApi({ storage });
    await api.ask("/plan");
    storage.fail(1_000);
    const { all } = written(1, insert("one"));
    const refused = await api.append("plan", all);
    expect([refused.status, await codeOf(refused)]).toEqual([503, "STORAGE_UNAVAILABLE"]);
    expect(refused.headers.get("retry-after")).toBe("1");
    storage.fail(0);
    expect((await api.append("plan", all)).status).toBe(200);
  });

  test("[DH8] JSON with base64 does as well as bytes", async () => {
    const api = await startApi();
    const { all } = written(1, insert("Hello"));
    const update = Buffer.from(all).toString("base64url");
    expect((await api.json("/plan/updates", "POST", { update })).status).toBe(200);
    expect(await (await api.ask("/plan?format=text")).text()).toBe("Hello");
  });

  test("[DH9] what the guard refuses is 422 with its code, and changes nothing", async () => {
    const api = await startApi();
    const { updates } = written(1, insert("one"), insert("two"));
    await api.append("plan", updates[0]!);
    const before = (await api.ask("/plan")).headers.get("etag");
    const invalid = await api.append("plan", Uint8Array.of(1, 2, 3));
    expect([invalid.status, await codeOf(invalid)]).toEqual([422, "UPDATE_INVALID"]);
    const taken = await api.append("plan", updates[1]!, { as: "eve" });
    expect([taken.status, await codeOf(taken)]).toEqual([422, "CLIENT_ID_TAKEN"]);
    expect((await api.ask("/plan")).headers.get("etag")).toBe(before);
  });

  test("[DH9] an update that lacks what it builds on is 422 at once, for structs as for deletions", async () => {
    const api = await startApi();
    const { updates, ydoc } = written(1, insert("one"), insert("two"));
    const gap = await api.append("plan", updates[1]!);
    expect([gap.status, await codeOf(gap)]).toEqual([422, "UPDATE_GAP"]);
    let deletion: Uint8Array = new Uint8Array();
    ydoc.on("update", (update: Uint8Array) => {
      deletion = update;
    });
    ydoc.getText("content").delete(0, 2);
    const gone = await api.append("other", deletion);
    expect([gone.status, await codeOf(gone)]).toEqual([422, "UPDATE_GAP"]);
    // The same with all it builds on.
    expect((await api.append("plan", Y.encodeStateAsUpdate(ydoc))).status).toBe(200);
  });

  test("[DH7] many at once are all durable, each answered for itself", async () => {
    const api = await startApi();
    const documents = Array.from({ length: 30 }, (_, n) => written(n + 1, insert(`<${n}>`)));
    const answers = await Promise.all(documents.map(({ all }) => api.append("plan", all)));
    expect(answers.map(({ status }) => status)).toEqual(documents.map(() => 200));
    const text = await (await api.ask("/plan?format=text")).text();
    for (const n of documents.keys()) expect(text).toContain(`<${n}>`);
  });

  test("[DH8] a body that is too large is 413, announced or not", async () => {
    const api = await startApi({ updateBytesMax: 1_000 });
    const large = new Uint8Array(1_001);
    const announced = await api.append("plan", large);
    expect([announced.status, await codeOf(announced)]).toEqual([413, "MESSAGE_TOO_LARGE"]);
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(600));
      },
    });
    const endless = await api.ask("/plan/updates", { method: "POST", body, duplex: "half" } as RequestInit);
    expect(endless.status).toBe(413);
    const base64 = await api.json("/plan/updates", "POST", { update: Buffer.from(large).toString("base64") });
    expect(base64.status).toBe(413);
  });

  test.each([
    { body: "{", type: "application/json", status: 400 },
    { body: '{"update":"*"}', type: "application/json", status: 400 },
    { body: "[]", type: "application/json", status: 400 },
    { body: "x", type: "text/plain", status: 415 },
  ])("[DH8] a body $body of type $type is $status", async ({ body, type, status }) => {
    const api = await startApi();
    const init = { method: "POST", body, headers: { "content-type": type } };
    const refused = await api.ask("/plan/updates", init);
    expect([refused.status, await codeOf(refused)]).toEqual([status, "MALFORMED_MESSAGE"]);
  });
});

describe("who may", () => {
  test("[DH3] nobody is asked for a token", async () => {
    const api = await startApi();
    for (const path of ["", "/plan", "/plan/export"]) {
      const refused = await api.ask(path, { as: null });
      expect([refused.status, await codeOf(refused)]).toEqual([401, "TOKEN_MISSING"]);
      expect(refused.headers.get("www-authenticate")).toBe("Bearer");
    }
    const bad = await api.ask("/plan", { as: null, headers: { authorization: "Bearer nonsense" } });
    expect([bad.status, bad.headers.get("www-authenticate")]).toEqual([401, 'Bearer error="invalid_token"']);
  });

  test("[DH2] absent and forbidden documents answer the same; a reader reads and does not write", async () => {
    const api = await startApi({ roles: { rita: "read", eve: false } });
    await api.append("plan", written(1, insert("x")).all);
    const bodies = await Promise.all(
      ["/plan", "/absent"].map(async (path) => {
        const refused = await api.ask(path, { as: "eve" });
        return [refused.status, await refused.text()];
      }),
    );
    expect(bodies[0]).toEqual(bodies[1]);
    expect(bodies[0]?.[0]).toBe(403);
    expect((await api.ask("/plan", { as: "rita" })).status).toBe(200);
    const write = await api.append("plan", written(2, insert("y")).all, { as: "rita" });
    expect([write.status, await codeOf(write)]).toEqual([403, "FORBIDDEN"]);
    const notice = await api.json("/plan/agent-changes", "POST", { type: "agent-change-a" }, { as: "rita" });
    expect(notice.status).toBe(403);
  });

  test("[DH1] what is no address of a document is 400, an unknown path 404, another method 405 with Allow", async () => {
    const api = await startApi();
    const bad = await api.ask("/a%20b");
    expect([bad.status, await codeOf(bad)]).toEqual([400, "TOPIC_INVALID"]);
    const path = await api.ask("/plan/nothing");
    expect([path.status, await codeOf(path)]).toEqual([404, "PATH_UNKNOWN"]);
    const method = await api.ask("/plan/updates", { method: "PATCH" });
    expect([method.status, method.headers.get("allow")]).toEqual([405, "POST"]);
    const noFormat = await api.ask("/plan?format=html");
    expect([noFormat.status, await codeOf(noFormat)]).toEqual([400, "PAYLOAD_INVALID"]);
  });

  test("[DH1] an id may hold slashes, percent-encoded", async () => {
    const api = await startApi();
    await api.append(encodeURIComponent("plans/2025"), written(1, insert("x")).all);
    expect(await (await api.ask("/plans%2F2025?format=text")).text()).toBe("x");
  });

  test("a prefix that ends in a slash is a mistake", () => {
    expect(() => documentsApi({ prefix: "/documents/" })).toThrow(TypeError);
  });
});

describe("sessions", () => {
  const sessionsOf = (api: Awaited<ReturnType<typeof startApi>>) => api.app.stats().sessions;

  test("[DH2] a request's session ends with the request, whatever becomes of it", async () => {
    const api = await startApi({ roles: { eve: false } });
    await api.append("plan", written(1, insert("x")).all);
    await api.append("plan", Uint8Array.of(9));
    await api.ask("/plan?format=json");
    await api.ask("/plan", { as: "eve" });
    await vi.waitFor(() => expect(sessionsOf(api)).toBe(0), FACT);
  });

  test("[DH2] a client that goes away takes its session along", async () => {
    const storage = createFaultyStorage(createMemoryStorage({ random: systemRandom }));
    const api = await startApi({ storage });
    await api.ask("/plan");
    storage.hold();
    const leaving = new AbortController();
    const answer = api.append("plan", written(1, insert("x")).all, { signal: leaving.signal });
    const gone = expect(answer).rejects.toThrow();
    await vi.waitFor(() => expect(sessionsOf(api)).toBe(1), FACT);
    leaving.abort();
    await gone;
    await vi.waitFor(() => expect(sessionsOf(api)).toBe(0), FACT);
    storage.release();
  });
});
