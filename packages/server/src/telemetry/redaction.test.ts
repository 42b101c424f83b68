import { describe, expect, test } from "vitest";
import {
  isSecretKey,
  LOG_STRING_LENGTH_MAX,
  REDACTED,
  redactFields,
  redactString,
  redactUrl,
} from "./redaction.ts";

const SECRET = "s3cr3t-value-that-must-not-show";
const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl";
const plain = (fields: Record<string, unknown>, stack = false) => redactFields(fields, { stack });
const json = (fields: Record<string, unknown>) => JSON.stringify(plain(fields));

describe("secrets by key", () => {
  const keys = [
    "token",
    "authorization",
    "Authorization",
    "cookie",
    "Set-Cookie",
    "secret",
    "JWT_SECRET",
    "password",
    "ticket",
    "resume",
    "resumeToken",
    "resume_token",
    "access_token",
    "sec-websocket-protocol",
    "Sec-WebSocket-Protocol",
  ];

  test.each(keys)("%s is hidden at every shown depth", (key) => {
    const text = json({
      [key]: SECRET,
      a: { [key]: SECRET, b: { [key]: SECRET, list: [{ [key]: SECRET }] } },
    });
    expect(text).not.toContain(SECRET);
    expect(text.split(REDACTED)).toHaveLength(5);
  });

  test("an object under a secret key is hidden whole", () => {
    expect(plain({ cookie: { session: SECRET } })).toEqual({ cookie: REDACTED });
  });

  test("what lies deeper than shown is not written at all", () => {
    expect(json({ a: { b: { c: { d: { e: { token: SECRET, harmless: SECRET } } } } } })).not.toContain(
      SECRET,
    );
  });

  test("harmless neighbours stay", () => {
    for (const key of ["tokenSource", "resumed", "userId", "secretary", "cookieCount"])
      expect(isSecretKey(key)).toBe(false);
  });
});

describe("secrets in text", () => {
  test.each([
    `/ws?draftId=7&token=${SECRET}`,
    `wss://host/ws?access_token=${SECRET}#x`,
    `/go?next=%2Fws%3Ftoken%3D${SECRET}%26b=1`,
    `Unexpected token x in JSON: {"type":"hello","token":"${SECRET}"`,
    `authorization: Bearer ${SECRET}`,
    `plexline.v1, bearer.${SECRET}`,
  ])("%s loses its secret", (text) => {
    expect(redactString(text)).not.toContain(SECRET);
    expect(redactString(text)).toContain(REDACTED);
  });

  test("anything shaped like a JWT is hidden, even when cut in the middle", () => {
    expect(redactString(`refused ${JWT} of ada`)).toBe(`refused ${REDACTED} of ada`);
    expect(redactString(`${"x ".repeat(500)}${JWT}`)).not.toContain("eyJ");
  });

  test("a URL keeps its other parameters", () => {
    expect(redactUrl(`/ws?token=${SECRET}&draftId=7&ticket=${SECRET}`)).toBe(
      `/ws?token=${REDACTED}&draftId=7&ticket=${REDACTED}`,
    );
    expect(redactUrl("/healthz")).toBe("/healthz");
  });

  test("a percent-encoded parameter name hides its value too", () => {
    expect(redactUrl(`/ws?%74oken=${SECRET}&access%5Ftoken=${SECRET}&bad%=1`)).not.toContain(SECRET);
  });

  test("the text of an error is treated like any other", () => {
    const error = Object.assign(new Error(`GET /ws?token=${SECRET} failed`), { code: "EFAIL" });
    expect(json({ error })).not.toContain(SECRET);
  });
});

describe("hostile values", () => {
  test("a megabyte is cut, and says by how much", () => {
    const { name } = plain({ name: "x".repeat(1 << 20) }) as { name: string };
    expect(name.length).toBeLessThan(LOG_STRING_LENGTH_MAX + 32);
    expect(name).toContain(`${(1 << 20) - LOG_STRING_LENGTH_MAX} more`);
  });

  test("many long or many small values stay within the budget of a line", () => {
    const wide = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, index) => [`k${index}`, "y".repeat(2_000)]),
    );
    expect(json({ wide }).length).toBeLessThan(64 * 1024);
    expect(json({ list: Array.from({ length: 100_000 }, () => 1) }).length).toBeLessThan(64 * 1024);
  });

  test("line separators, 8-bit escapes and reversed text become visible", () => {
    expect(redactString("a\u2028b\u2029c\u009bd\u202ee\u007f")).toBe(
      "a\\u2028b\\u2029c\\u009bd\\u202ee\\u007f",
    );
  });

  test("a cycle ends, and the same object twice is no cycle", () => {
    const loop: Record<string, unknown> = { name: "loop" };
    loop.self = loop;
    const shared = { x: 1 };
    expect(plain({ loop, a: shared, b: shared })).toEqual({
      loop: { name: "loop", self: "[cyclic]" },
      a: { x: 1 },
      b: { x: 1 },
    });
  });

  test("getters, proxies and toJSON that throw cost only themselves", () => {
    const getter = {
      good: 1,
      get bad(): string {
        throw new Error("no");
      },
    };
    const proxy = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error("no");
        },
      },
    );
    const json_ = {
      toJSON: () => {
        throw new Error("no");
      },
    };
    expect(plain({ getter, proxy, json_, id: 7 })).toEqual({
      getter: { good: 1, bad: "[unreadable]" },
      proxy: "[unreadable]",
      json_: { toJSON: "[function]" },
      id: 7,
    });
  });

  test("keys cannot break a line or reach a prototype", () => {
    const fields = JSON.parse('{"__proto__": {"polluted": 1}, "a\\"b\\n": 2}') as Record<string, unknown>;
    const text = json(fields);
    expect(JSON.parse(text).a_b_).toBe(2);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test("values that JSON does not know become text", () => {
    const values = {
      n: Number.NaN,
      big: 12n,
      f: () => 1,
      s: Symbol("x"),
      bytes: new Uint8Array(3),
      when: new Date(Number.NaN),
      m: new Map([[1, 2]]),
    };
    expect(plain(values)).toEqual({
      n: "NaN",
      big: "12",
      f: "[function]",
      s: "[symbol]",
      bytes: "[3 bytes]",
      when: "[invalid date]",
      m: "[1 entries]",
    });
  });
});

describe("errors", () => {
  const cause = new TypeError("inner");
  const error = Object.assign(new Error("outer", { cause }), { code: "EIO", token: SECRET });

  test("an error is its name, message, code and cause", () => {
    expect(plain({ error })).toEqual({
      error: { name: "Error", message: "outer", code: "EIO", cause: { name: "TypeError", message: "inner" } },
    });
  });

  test("its stack shows when asked for", () => {
    expect((plain({ error }, true) as { error: { stack: string } }).error.stack).toContain("redaction.test");
  });
});
