import { expect, test } from "vitest";
import { decide, recordFor } from "./policy.ts";
import type { Principal } from "./principal.ts";
import { parseRecord } from "./record.ts";

const nowMs = 1_000_000;
const ada: Principal = { id: "ada", kind: "user", tenant: "acme", clearance: 2, claims: {} };
const open = parseRecord({ topic: "doc:1", tenant: "acme", openToTenant: true });
const refuse = { verdict: "refuse" };
const allow = (role: string | null) => ({ verdict: "allow", tenant: "acme", role });
const ask = (principal: Principal | null, record: typeof open | null, mode: "strict" | "auto" = "strict") =>
  decide({ principal, record, nowMs, mode });

test("nobody and the expired are refused before anything is created", () => {
  expect(ask(null, open)).toEqual(refuse);
  expect(ask(null, null, "auto")).toEqual(refuse);
  expect(ask({ ...ada, expiresAtMs: nowMs }, open)).toEqual(refuse);
  expect(ask({ ...ada, expiresAtMs: nowMs }, null, "auto")).toEqual(refuse);
  expect(ask({ ...ada, expiresAtMs: nowMs + 1 }, open)).toEqual(allow(null));
});

test("without a record everybody is refused, or it is created in mode auto", () => {
  for (const kind of ["user", "service", "admin"] as const) {
    expect(ask({ ...ada, kind }, null)).toEqual(refuse);
    expect(ask({ ...ada, kind }, null, "auto")).toEqual({ verdict: "create" });
  }
});

test("another tenant is refused, whatever the record says", () => {
  const record = { ...open, owner: "ada", editors: ["ada"], viewers: ["ada"] };
  expect(ask({ ...ada, tenant: "other", role: "owner" }, record)).toEqual(refuse);
  expect(ask({ ...ada, tenant: "other", kind: "service" }, record)).toEqual(refuse);
});

test("an administrator may do everything everywhere, under the record's tenant", () => {
  expect(ask({ ...ada, kind: "admin", tenant: "other", clearance: 0 }, { ...open, clearance: 9 })).toEqual(
    allow("controller"),
  );
});

test("a service may do everything in its own tenant", () => {
  const closed = { ...open, clearance: 9, openToTenant: false };
  expect(ask({ ...ada, kind: "service", clearance: 0 }, closed)).toEqual(allow("controller"));
});

test("clearance comes before ownership, and what is no number clears nothing", () => {
  const record = { ...open, owner: "ada", clearance: 3 };
  expect(ask(ada, record)).toEqual(refuse);
  expect(ask({ ...ada, clearance: Number.NaN }, { ...record, clearance: 0 })).toEqual(refuse);
  expect(ask({ ...ada, clearance: 3 }, record)).toEqual(allow("controller"));
});

test("owner and editor control, viewers view, whatever their token's role", () => {
  const closed = { ...open, openToTenant: false };
  expect(ask({ ...ada, role: "viewer" }, { ...closed, owner: "ada" })).toEqual(allow("controller"));
  expect(ask({ ...ada, role: "viewer" }, { ...closed, editors: ["ada"] })).toEqual(allow("controller"));
  expect(ask({ ...ada, role: "owner" }, { ...open, viewers: ["ada"] })).toEqual(allow("viewer"));
  expect(ask({ ...ada, role: "owner" }, closed)).toEqual(refuse);
});

test.each([
  ["owner", "controller"],
  ["OWNER", "controller"],
  ["Editor", "controller"],
  ["viewer", "viewer"],
  ["admin", "viewer"],
  ["", "viewer"],
  [undefined, null],
])("in an open topic the token's role %s means %s", (role, expected) => {
  expect(ask({ ...ada, ...(role === undefined ? {} : { role }) }, open)).toEqual(allow(expected));
});

test("the record made for a user is theirs; one made for a service or an administrator is nobody's", () => {
  expect(recordFor(ada, "doc:1")).toMatchObject({ owner: "ada", tenant: "acme", openToTenant: true });
  expect(recordFor({ ...ada, kind: "service" }, "doc:1").owner).toBeNull();
  expect(recordFor({ ...ada, kind: "admin" }, "doc:1").owner).toBeNull();
});
