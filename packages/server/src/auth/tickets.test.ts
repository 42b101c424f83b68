import { createSeededRandom, createTestClock, type TestClock } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { createMemoryStorage } from "../storage/memory.ts";
import type { Storage } from "../storage/storage.ts";
import { redactString } from "../telemetry/redaction.ts";
import { acceptTickets } from "./accept-tickets.ts";
import { noAuth } from "./anonymous.ts";
import type { TokenSource } from "./authenticator.ts";
import type { Principal } from "./principal.ts";
import { adminPrincipal, servicePrincipal } from "./static-token.ts";
import { TICKET_CLAIMS_BYTES_MAX } from "./ticket-body.ts";
import { createTicketKeys } from "./ticket-keys.ts";
import { createTickets } from "./tickets.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const ada: Principal = {
  id: "ada",
  kind: "user",
  tenant: "acme",
  role: "editor",
  clearance: 3,
  name: "Ada",
  email: "ada@example.com",
  claims: { sub: "ada", iat: 7, plan: { seats: 2 } },
};
const reading = { topic: "stream:1", operations: ["subscribe", "call"] };
const invalid = { code: "TOKEN_INVALID", message: "The ticket is not good here." };

/** A node on a storage; every node has its own randomness, as processes have. */
function node(clock: TestClock, storage: Pick<Storage, "get" | "commit">, seed: number) {
  const random = createSeededRandom(seed);
  const keys = createTicketKeys({ storage, clock, random, ticketTtlMaxMs: 60 * MINUTE_MS });
  return createTickets({ keys, clock });
}

function setUp() {
  const clock = createTestClock();
  const storage = createMemoryStorage({ random: createSeededRandom(1) });
  return { clock, storage, tickets: node(clock, storage, 2) };
}

/** What it was refused for. */
const refusalOf = (opening: Promise<Principal>) =>
  opening.then(
    () => null,
    (error: { code: string; message: string }) => ({ code: error.code, message: error.message }),
  );

describe("a ticket", () => {
  test("[TK1] stands for who asked for it, on one topic, and however often", async () => {
    const { clock, tickets } = setUp();
    const { ticket, expiresAtMs } = await tickets.issue(ada, "stream:1", 10 * MINUTE_MS);
    expect(expiresAtMs).toBe(clock.nowMs() + 10 * MINUTE_MS);
    for (let times = 0; times < 3; times += 1)
      expect(await tickets.open(ticket)).toEqual({ ...ada, expiresAtMs, scope: reading });
  });

  test.each([servicePrincipal("worker", "acme"), adminPrincipal()])(
    "[TK1] stands for $kind $id",
    async (who) => {
      const { tickets } = setUp();
      const { ticket } = await tickets.issue(who, "stream:1", MINUTE_MS);
      expect(await tickets.open(ticket)).toMatchObject({ ...who, scope: reading });
    },
  );

  test("[TK1] ends with the token it was asked for with, and is not issued after that", async () => {
    const { clock, tickets } = setUp();
    const tokenEndsMs = clock.nowMs() + MINUTE_MS;
    const short = { ...ada, expiresAtMs: tokenEndsMs };
    const { ticket, expiresAtMs } = await tickets.issue(short, "stream:1", 10 * MINUTE_MS);
    expect(expiresAtMs).toBe(tokenEndsMs);
    clock.advance(MINUTE_MS - 1);
    expect(await tickets.open(ticket)).toMatchObject({ expiresAtMs: tokenEndsMs });
    clock.advance(1);
    await expect(tickets.open(ticket)).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
    await expect(tickets.issue(short, "stream:1", 1)).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
  });

  test("[TK2] needs no encoding in a query, whatever the topic and the names are", async () => {
    const { tickets } = setUp();
    const wide: Principal = {
      ...ada,
      id: "\u{1f600}".repeat(64),
      name: "\u{1f600}".repeat(128),
      email: "\u{1f600}".repeat(128),
      claims: { text: "x".repeat(TICKET_CLAIMS_BYTES_MAX - 11) },
    };
    const topic = `stream:${"ü/&?#".repeat(40)}`;
    const { ticket } = await tickets.issue(wide, topic, MINUTE_MS);
    expect(new URLSearchParams({ ticket }).toString()).toBe(`ticket=${ticket}`);
    expect(ticket.length).toBeLessThanOrEqual(8_192);
    expect(await tickets.open(ticket)).toMatchObject({ ...wide, scope: { topic } });
  });

  test("[TK9] has the claims that fit, else those that revocations go by", async () => {
    const { tickets } = setUp();
    const open = async (claims: Record<string, unknown>) => {
      const { ticket, hasAllClaims } = await tickets.issue({ ...ada, claims }, "stream:1", MINUTE_MS);
      const { role, clearance, claims: kept } = await tickets.open(ticket);
      expect([role, clearance]).toEqual(["editor", 3]);
      return { hasAllClaims, kept };
    };
    const loop: Record<string, unknown> = { iat: 7, jti: "j" };
    loop.self = loop;
    const fits = { text: "x".repeat(TICKET_CLAIMS_BYTES_MAX - 11) };
    expect(await open(fits)).toEqual({ hasAllClaims: true, kept: fits });
    const needed = { hasAllClaims: false, kept: { iat: 7, jti: "j" } };
    expect(await open({ iat: 7, jti: "j", text: `${fits.text}x` })).toEqual(needed);
    expect(await open(loop)).toEqual(needed);
    expect(await open({ iat: "7", jti: {}, big: 1n })).toEqual({ hasAllClaims: false, kept: {} });
  });
});

describe("what is no ticket", () => {
  test("[TK8] any character changed, or left out, or too much is refused with the same words", async () => {
    const { tickets } = setUp();
    const { ticket } = await tickets.issue(ada, "stream:1", MINUTE_MS);
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~%";
    const changed: string[] = [];
    for (let at = 0; at < ticket.length; at += 1) {
      for (const character of alphabet)
        if (character !== ticket[at]) changed.push(ticket.slice(0, at) + character + ticket.slice(at + 1));
      // Each bit of the byte, too, whatever character that makes of it.
      for (let bit = 1; bit < 256; bit *= 2) {
        const flipped = String.fromCharCode(ticket.charCodeAt(at) ^ bit);
        changed.push(ticket.slice(0, at) + flipped + ticket.slice(at + 1));
      }
      changed.push(ticket.slice(0, at), ticket.slice(at + 1), ticket.slice(0, at) + ticket.slice(at + 1));
    }
    changed.push(
      `${ticket}A`,
      `${ticket}=`,
      `${ticket}.`,
      ` ${ticket}`,
      `${ticket}\n`,
      "",
      "plt1....",
      "x".repeat(9_000),
    );
    const refusals = await Promise.all(changed.map((text) => refusalOf(tickets.open(text))));
    expect(changed.filter((_text, index) => refusals[index] === null)).toEqual([]);
    expect(new Set(refusals.map((refusal) => JSON.stringify(refusal)))).toEqual(
      new Set([JSON.stringify(invalid)]),
    );
    expect(await tickets.open(ticket)).toMatchObject({ id: "ada" });
  });

  test("[TK8] one that is spelled differently, and stands for the same bytes, is refused", async () => {
    const { tickets } = setUp();
    // Three lengths: what a body's last character stands for in part depends on it.
    for (const topic of ["t:1", "t:12", "t:123"]) {
      const [prefix, id, body = "", signature] = (await tickets.issue(ada, topic, MINUTE_MS)).ticket.split(
        ".",
      );
      for (const last of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
        if (body.endsWith(last)) continue;
        const respelled = [prefix, id, body.slice(0, -1) + last, signature].join(".");
        expect(await refusalOf(tickets.open(respelled))).toEqual(invalid);
      }
    }
  });

  test("[TK8] one of another storage is refused, and so is its body under this storage's key id", async () => {
    const [here, there] = [setUp(), setUp()];
    const { ticket: mine } = await here.tickets.issue(ada, "stream:1", MINUTE_MS);
    const { ticket: theirs } = await node(there.clock, there.storage, 9).issue(ada, "stream:2", MINUTE_MS);
    expect(await refusalOf(here.tickets.open(theirs))).toEqual(invalid);
    const [, keyId] = mine.split(".");
    const [prefix, , ...rest] = theirs.split(".");
    expect(await refusalOf(here.tickets.open([prefix, keyId, ...rest].join(".")))).toEqual(invalid);
  });

  const sources: TokenSource[] = ["authorization", "cookie", "subprotocol", "message", "query"];
  test.each(sources)("[TK3] one that comes by %s is refused, whoever authenticates", async (source) => {
    const { tickets } = setUp();
    const { ticket } = await tickets.issue(ada, "stream:1", MINUTE_MS);
    const request = { query: new URLSearchParams() } as never;
    const authenticator = acceptTickets(noAuth(), tickets);
    await expect(authenticator.authenticate({ token: ticket, source, request })).rejects.toMatchObject({
      code: "TOKEN_INVALID",
      message: expect.not.stringContaining(ticket),
    });
    expect(await authenticator.authenticate({ token: ticket, source: "ticket", request })).toMatchObject({
      id: "ada",
      scope: reading,
    });
    expect(await authenticator.authenticate({ token: "else", source, request })).toMatchObject({
      role: "owner",
    });
    await expect(
      authenticator.authenticate({ token: "else", source: "ticket", request }),
    ).rejects.toMatchObject(invalid);
  });

  test("[TK10] logs hide one, wherever it stands in a text", async () => {
    const { tickets } = setUp();
    const { ticket } = await tickets.issue(ada, "stream:1", MINUTE_MS);
    const line = redactString(`refused ${ticket} of ada`);
    expect(line).toBe("refused [redacted] of ada");
    for (const part of ticket.split(".").slice(2))
      expect(redactString(`/api?x=${ticket}&y=1`)).not.toContain(part);
  });
});

describe("the keys", () => {
  test("[TK8] nodes that share a storage take each other's tickets, also those that start together or later", async () => {
    const { clock, storage } = setUp();
    const nodes = [2, 3, 4].map((seed) => node(clock, storage, seed));
    const issued = await Promise.all(nodes.map((one) => one.issue(ada, "stream:1", MINUTE_MS)));
    expect(new Set(issued.map(({ ticket }) => ticket.split(".")[1])).size).toBe(1);
    for (const one of [...nodes, node(clock, storage, 5)])
      for (const { ticket } of issued) expect(await one.open(ticket)).toMatchObject({ id: "ada" });
  });

  test("[TK8] are replaced once a day, and the one before stays as long as tickets of its may live", async () => {
    const { clock, storage, tickets } = setUp();
    const other = node(clock, storage, 3);
    const keyOf = ({ ticket }: { ticket: string }) => ticket.split(".")[1];
    const first = await tickets.issue(ada, "stream:1", MINUTE_MS);
    clock.advance(DAY_MS - 1);
    const last = await tickets.issue(ada, "stream:1", 60 * MINUTE_MS);
    expect(keyOf(last)).toBe(keyOf(first));
    clock.advance(1);
    const next = await other.issue(ada, "stream:1", 60 * MINUTE_MS);
    expect(keyOf(next)).not.toBe(keyOf(first));
    expect(keyOf(await tickets.issue(ada, "stream:1", MINUTE_MS))).toBe(keyOf(next));
    for (const one of [tickets, other, node(clock, storage, 4)])
      for (const { ticket } of [last, next]) expect(await one.open(ticket)).toMatchObject({ id: "ada" });
    clock.advance(DAY_MS);
    await tickets.issue(ada, "stream:1", MINUTE_MS);
    const kept = JSON.parse(Buffer.from((await storage.get("ticket-keys"))?.value ?? []).toString()).keys;
    expect(kept).toHaveLength(2);
    expect(kept[1].id).toBe(keyOf(next));
    expect(await refusalOf(node(clock, storage, 5).open(last.ticket))).toEqual(invalid);
  });

  test("[TK8] a thousand unknown ids cost one read at a time, and a key of a moment ago is found among them", async () => {
    const { clock, storage, tickets } = setUp();
    let reads = 0;
    const counted = {
      commit: (what: Parameters<Storage["commit"]>[0]) => storage.commit(what),
      get: (key: string) => {
        reads += 1;
        return storage.get(key);
      },
    };
    const other = node(clock, counted, 3);
    const forged = (id: number) => other.open(`plt1.k${id}.e30.${"A".repeat(43)}`).catch(() => {});
    const before = Array.from({ length: 500 }, (_, id) => forged(id));
    const { ticket } = await tickets.issue(ada, "stream:1", MINUTE_MS);
    const opening = other.open(ticket);
    const after = Array.from({ length: 500 }, (_, id) => forged(id));
    expect(await opening).toMatchObject({ id: "ada" });
    await Promise.all([...before, ...after]);
    expect(reads).toBeLessThanOrEqual(3);
  });

  test("that cannot be read, or stored, are no reason to sign with others", async () => {
    const { storage, tickets, clock } = setUp();
    await storage.commit({
      puts: [{ key: "ticket-keys", value: Buffer.from('{"keys":[{"id":"a","secret":"x"}]}') }],
    });
    await expect(tickets.issue(ada, "stream:1", 1)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await storage.close();
    await expect(node(clock, storage, 3).issue(ada, "stream:1", 1)).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
  });
});
