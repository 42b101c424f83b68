import { describe, expect, test } from "vitest";
import { applyUpdate, Doc, encodeStateAsUpdate, encodeStateVector } from "yjs";
import type { Trouble } from "../../../editing/document-line.ts";
import { personOfUser } from "../../../session/person.ts";
import { combined } from "./combined.ts";
import { draft } from "./draft.ts";
import { fabric } from "./fabric.ts";
import { fromJson, toBase64 } from "./json-bytes.ts";
import type { Message, PlainDialect } from "./plain-dialect.ts";

/** A client of a dialect with nothing at its other end, and what it did. */
function talk(dialect: PlainDialect, doc = docOf("mine")) {
  const said: Message[] = [];
  const did: string[] = [];
  const troubles: Trouble[] = [];
  let later = () => {};
  const client = dialect.converse({
    person: personOfUser("ada-0a1b2c"),
    name: "plan",
    doc,
    // What travels is JSON.
    say: (message) => said.push(JSON.parse(JSON.stringify(message)) as Message),
    merge: (update) => applyUpdate(doc, update),
    caughtUp: () => did.push("caught up"),
    synced: () => did.push("synced"),
    complain: (trouble) => troubles.push(trouble),
    giveUp: (trouble) => troubles.push(trouble),
    later: (action) => {
      later = action;
    },
  });
  return { client, doc, said, did, troubles, doLater: () => later() };
}

function docOf(text: string): Doc {
  const doc = new Doc();
  doc.getText("content").insert(0, text);
  return doc;
}

/** What a document that has `base` shows after an update in a message. */
function mergedInto(base: Doc, bytes: unknown): string {
  applyUpdate(base, fromJson(bytes) ?? new Uint8Array());
  return base.getText("content").toString();
}

describe("draft", () => {
  test("takes the state, and answers with what that lacks", () => {
    const server = docOf("theirs");
    const { client, doc, said, did } = talk(draft);
    client.heard({ type: "yjs-state-response", data: [...encodeStateAsUpdate(server)] });
    expect(doc.getText("content").toString()).toMatch(/^(mine|theirs){2}$/);
    expect(said).toMatchObject([{ type: "yjs-state-response" }]);
    expect(mergedInto(server, said[0]?.data)).toBe(doc.getText("content").toString());
    expect(did).toEqual(["caught up", "synced"]);
  });

  test("asks for the state again when something is missing, and shows other errors", () => {
    const { client, said, troubles, doLater } = talk(draft);
    client.heard({ type: "error", error: "UPDATE_GAP: Something is missing." });
    expect(said).toEqual([]);
    doLater();
    expect(said).toEqual([{ type: "yjs-state-request" }]);
    expect(troubles).toEqual([]);
    client.heard({ type: "error", error: "FORBIDDEN: read-only" });
    client.heard({ type: "error", error: "RESYNC: replaced" });
    expect(troubles).toMatchObject([{ code: "FORBIDDEN", message: "read-only" }, { replaced: true }]);
  });
});

describe("fabric", () => {
  test("says what it has, and answers what it is asked for", () => {
    const server = docOf("theirs");
    const { client, doc, said, did } = talk(fabric);
    client.opened?.();
    expect(said).toEqual([
      { type: "sync", documentId: "plan", clientID: "ada-0a1b2c", data: toBase64(encodeStateVector(doc)) },
    ]);
    client.heard({ type: "connected", clientID: "ada-0a1b2c", mode: "yjs" });
    expect(did).toEqual([]);
    client.heard({
      type: "sync",
      documentId: "plan",
      data: toBase64(encodeStateAsUpdate(server)),
      stateVector: toBase64(encodeStateVector(server)),
    });
    expect(mergedInto(server, said[1]?.data)).toBe(doc.getText("content").toString());
    expect(did).toEqual(["caught up", "synced"]);
    client.edited(Uint8Array.of(0, 0));
    expect(said[2]).toMatchObject({ type: "update", data: "AAA=" });
  });

  test("shows errors, with and without a code", () => {
    const { client, troubles } = talk(fabric);
    client.heard({ type: "error", message: "Access denied" });
    client.heard({ type: "error", code: "RESYNC", message: "replaced", fix: "open afresh" });
    expect(troubles).toMatchObject([
      { code: "FORBIDDEN", message: "Access denied" },
      { code: "RESYNC", message: "replaced", replaced: true },
    ]);
  });
});

describe("combined", () => {
  test("both sides ask, and both answer", () => {
    const server = docOf("theirs");
    const { client, doc, said, did } = talk(combined);
    client.opened?.();
    expect(said).toMatchObject([{ type: "yjs:sync", room: "plan" }]);
    expect(fromJson(said[0]?.stateVector)).toEqual(encodeStateVector(doc));
    client.heard({ type: "yjs:sync", room: "plan", stateVector: { ...encodeStateVector(server) } });
    expect(mergedInto(server, said[1]?.update)).toContain("mine");
    expect(did).toEqual(["caught up"]);
    client.heard({ type: "yjs:update", room: "plan", update: { ...encodeStateAsUpdate(server) } });
    client.heard({ type: "yjs:sync", room: "plan", update: { 0: 0, 1: 0 } });
    expect(did).toEqual(["caught up", "caught up", "synced"]);
    expect(doc.getText("content").toString()).toBe(server.getText("content").toString());
  });

  test("a replaced document ends it", () => {
    const { client, troubles } = talk(combined);
    client.heard({ type: "error", room: "plan", code: "FORBIDDEN", message: "no", fix: "ask" });
    client.heard({ type: "error", room: "plan", code: "RESYNC", message: "replaced", fix: "reload" });
    expect(troubles).toMatchObject([{ code: "FORBIDDEN", fix: "ask" }, { replaced: true }]);
  });
});
