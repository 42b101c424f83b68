import { createSeededRandom, createTestClock } from "@plexline/testing";
import { expect, test } from "vitest";
import { createMemoryStorage } from "../storage/memory.ts";
import type { Principal } from "./principal.ts";
import { createRevocations } from "./revocation.ts";

const DAY_MS = 86_400_000;

function setUp() {
  const clock = createTestClock();
  const storage = createMemoryStorage({ random: createSeededRandom(1) });
  return { clock, storage, start: (entriesMax = 100) => createRevocations({ storage, clock, entriesMax }) };
}

function user(parts: Partial<Principal> = {}, claims: Principal["claims"] = {}): Principal {
  return { id: "ada", kind: "user", tenant: "acme", clearance: 0, ...parts, claims };
}

test("tokens issued until the revocation are refused, newer ones count", async () => {
  const { clock, start } = setUp();
  const revocations = await start();
  const nowS = clock.nowMs() / 1000;
  expect(revocations.isRevoked(user({}, { iat: nowS - 9 }))).toBe(false);
  await revocations.revokePrincipal({ tenant: "acme", id: "ada" });
  expect(revocations.isRevoked(user({}, { iat: nowS - 9 }))).toBe(true);
  expect(revocations.isRevoked(user({}, { iat: nowS }))).toBe(true);
  expect(revocations.isRevoked(user())).toBe(true);
  expect(revocations.isRevoked(user({}, { iat: nowS + 1 }))).toBe(false);
});

test("a revocation concerns one user of one tenant, not services and admins of that name", async () => {
  const revocations = await setUp().start();
  await revocations.revokePrincipal({ tenant: "acme", id: "ada" });
  for (const other of [
    { tenant: "other" },
    { id: "bob" },
    { kind: "service" as const },
    { kind: "admin" as const },
  ]) {
    expect(revocations.isRevoked(user(other))).toBe(false);
  }
});

test("one token ends by its jti, the user's others go on", async () => {
  const revocations = await setUp().start();
  await revocations.revokeToken({ tenant: "acme", id: "ada", jti: "t1" });
  expect(revocations.isRevoked(user({}, { jti: "t1" }))).toBe(true);
  expect(revocations.isRevoked(user({}, { jti: "t2" }))).toBe(false);
  expect(revocations.isRevoked(user({ id: "bob" }, { jti: "t1" }))).toBe(false);
});

test("revocations survive a restart until they end, and are then removed", async () => {
  const { clock, storage, start } = setUp();
  const first = await start();
  await first.revokePrincipal({ tenant: "acme", id: "ada/../x" });
  await first.revokeToken({ tenant: "acme", id: "ada", jti: "t1" });
  const second = await start();
  expect(second.isRevoked(user({ id: "ada/../x" }))).toBe(true);
  expect(second.isRevoked(user({}, { jti: "t1" }))).toBe(true);
  clock.advance(DAY_MS);
  expect(second.isRevoked(user({ id: "ada/../x" }))).toBe(false);
  expect(second.isRevoked(user({}, { jti: "t1" }))).toBe(false);
  await start();
  expect(await storage.list("revoked")).toEqual([]);
});

test("more than a page of revocations is read back", async () => {
  const { start } = setUp();
  const first = await start(5_000);
  await Promise.all(
    Array.from({ length: 1_001 }, (_, i) => first.revokePrincipal({ tenant: "acme", id: `u${i}` })),
  );
  const second = await start(5_000);
  for (let i = 0; i < 1_001; i += 1) expect(second.isRevoked(user({ id: `u${i}` }))).toBe(true);
});

test("listeners hear a revocation when it already counts", async () => {
  const revocations = await setUp().start();
  const heard: unknown[] = [];
  const stop = revocations.onRevoked(({ tenant, id }) =>
    heard.push([tenant, id, revocations.isRevoked(user())]),
  );
  await revocations.revokePrincipal({ tenant: "acme", id: "ada" });
  stop();
  await revocations.revokePrincipal({ tenant: "acme", id: "bob" });
  expect(heard).toEqual([["acme", "ada", true]]);
});

test("a revocation counts even if it could not be stored", async () => {
  const { storage, start } = setUp();
  const revocations = await start();
  await storage.close();
  await expect(revocations.revokePrincipal({ tenant: "acme", id: "ada" })).rejects.toThrow();
  expect(revocations.isRevoked(user())).toBe(true);
});

test("their number is limited, and ended ones make room", async () => {
  const { clock, start } = setUp();
  const revocations = await start(2);
  await revocations.revokePrincipal({ tenant: "acme", id: "a" });
  await revocations.revokePrincipal({ tenant: "acme", id: "b" });
  await revocations.revokePrincipal({ tenant: "acme", id: "a" });
  await expect(revocations.revokePrincipal({ tenant: "acme", id: "c" })).rejects.toMatchObject({
    code: "OVERLOADED",
  });
  clock.advance(DAY_MS);
  await revocations.revokePrincipal({ tenant: "acme", id: "c" });
  expect(revocations.isRevoked(user({ id: "c" }))).toBe(true);
});

test("another node's revocation is taken over", async () => {
  const { clock, start } = setUp();
  const [here, there] = [await start(), await start()];
  there.onRevoked((revocation) => here.apply(revocation));
  await there.revokePrincipal({ tenant: "acme", id: "ada" });
  expect(here.isRevoked(user({}, { iat: clock.nowMs() / 1000 - 1 }))).toBe(true);
});

test.each([
  { tenant: "a/b", id: "ada" },
  { tenant: "acme", id: "" },
  { tenant: "acme", id: "a\nb" },
])("%j is refused", async (target) => {
  const revocations = await setUp().start();
  await expect(revocations.revokePrincipal(target)).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
});
