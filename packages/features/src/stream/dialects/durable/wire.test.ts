import { describe, expect, test } from "vitest";
import type { StreamInfo } from "../../protocol.ts";
import { defaultTopic, pathIn, topicOf } from "./address.ts";
import { bodyOf, chunksOf, headOf, kindOf, measureOf } from "./content.ts";
import { HEADER, readLifetime, readProducer, wantsClose } from "./header.ts";
import { liveCursor } from "./live-cursor.ts";
import { checkOffset, placeOf } from "./place.ts";
import { controlEvent, dataEvent } from "./sse.ts";
import { matchesPattern } from "./subscriptions/pattern.ts";
import { checkWebhookUrl } from "./subscriptions/webhook-url.ts";
import { appendRefusal } from "./writing.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const statusOf = (act: () => unknown): number | undefined => {
  try {
    act();
  } catch (error) {
    return (error as { status?: number }).status;
  }
  return undefined;
};

/** What a reader of SSE makes of a text: the data of each event. */
function parse(text: string): readonly { event: string; data: string; id?: string }[] {
  return text
    .split("\n\n")
    .filter((block) => block !== "")
    .map((block) => {
      const fields = block.split(/\r\n|\r|\n/).map((line) => /^(\w+):(?: )?(.*)$/s.exec(line) ?? []);
      const of = (name: string) => fields.filter(([, field]) => field === name).map(([, , value]) => value);
      const [id] = of("id");
      return { event: of("event").join(), data: of("data").join("\n"), ...(id === undefined ? {} : { id }) };
    });
}

describe("headers", () => {
  test.each(["+60", "060", "60.0", "6e1", "-1", "", " ", "9007199254740992"])(
    "[DS9] a TTL is decimal digits, not %j",
    (ttl) => {
      expect(statusOf(() => readLifetime(new Headers({ [HEADER.ttl]: ttl })))).toBe(400);
    },
  );

  test("[DS9] a lifetime is one of both", () => {
    expect(readLifetime(new Headers({ [HEADER.ttl]: "60" }))).toEqual({ ttlMs: 60_000 });
    expect(readLifetime(new Headers({ [HEADER.expiresAt]: "1970-01-01T01:00:01+01:00" }))).toEqual({
      expiresAtMs: 1_000,
    });
    expect(statusOf(() => readLifetime(new Headers({ [HEADER.expiresAt]: "tomorrow" })))).toBe(400);
    const both = new Headers({ [HEADER.ttl]: "60", [HEADER.expiresAt]: "2030-01-01T00:00:00Z" });
    expect(statusOf(() => readLifetime(both))).toBe(400);
  });

  test("[DS11] a producer's three headers belong together", () => {
    const all: Record<string, string> = {
      [HEADER.producerId]: "p",
      [HEADER.producerEpoch]: "1",
      [HEADER.producerSequence]: "2",
    };
    expect(readProducer(new Headers(all))).toEqual({ id: "p", generation: 1, sequence: 2 });
    expect(readProducer(new Headers())).toBe(null);
    for (const name of Object.keys(all)) {
      const { [name]: _, ...others } = all;
      expect(statusOf(() => readProducer(new Headers(others)))).toBe(400);
    }
  });

  test("[DS12] only true closes", () => {
    const of = (value: string) => wantsClose(new Headers({ [HEADER.closed]: value }));
    expect([of("true"), of("TRUE"), of("yes"), of("1"), of(""), wantsClose(new Headers())]).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe("content", () => {
  test("[DS6] one level of arrays is taken off", () => {
    expect(chunksOf("json", bytes("[[1,2],[3]]"))).toEqual([[1, 2], [3]]);
    expect(chunksOf("json", bytes('{"a":1}'))).toEqual([{ a: 1 }]);
    expect(chunksOf("json", bytes("[]"))).toEqual([]);
    expect(bodyOf("json", [[1], 2])).toBe("[[1],2]");
  });

  test("[DS6] text and bytes come back as they were, however large", () => {
    const text = `\ufeff${"a😀b".repeat(100_000)}`;
    const chunks = chunksOf("text", bytes(text));
    expect(chunks.length).toBeGreaterThan(1);
    expect(bodyOf("text", chunks)).toBe(text);
    const body = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
    expect(bodyOf("bytes", chunksOf("bytes", body))).toEqual(body);
  });

  test("[DS6] text that is cut in a character is refused", () => {
    expect(statusOf(() => chunksOf("text", Uint8Array.of(0xf0, 0x9f)))).toBe(400);
    expect(statusOf(() => headOf("text", "😀", 2))).toBe(400);
    expect([headOf("text", "äb", 2), measureOf("text", "äb"), headOf("bytes", "AQID", 2)]).toEqual([
      "ä",
      3,
      "AQI=",
    ]);
  });

  test("[DS6] the kind is by the media type", () => {
    expect(["Application/JSON; charset=utf-8", "text/csv", "application/x-protobuf"].map(kindOf)).toEqual([
      "json",
      "text",
      "bytes",
    ]);
  });
});

describe("addresses", () => {
  test("[DS2] a path is a topic, or is refused", () => {
    expect([topicOf("runs/7", defaultTopic), topicOf("a/b", defaultTopic)]).toEqual(["run:7", "stream:a/b"]);
    for (const path of ["a b", "__ds", "__ds/x", "a*", "{x}", "x".repeat(5_000)])
      expect(statusOf(() => topicOf(path, defaultTopic))).toBe(400);
    expect(["/v1/stream/a%20b", "/a", "a"].map((text) => pathIn(text, "/v1/stream"))).toEqual([
      "a b",
      "a",
      "a",
    ]);
  });

  const info = (durable: object = {}): StreamInfo => ({
    kind: "json",
    contentType: "application/json",
    createdAtMs: 0,
    position: { epoch: "me", offset: 5 },
    closed: null,
    metadata: { durable },
    producers: [],
    requests: [],
    asks: [],
  });

  test("[DS14] offsets of other logs are gone; those of nothing are good everywhere", () => {
    const at = (offset: number, epoch: string) => `${String(offset).padStart(16, "0")}_${epoch}`;
    expect(placeOf(at(5, "me"), info())).toEqual({ epoch: "me", offset: 5 });
    expect(placeOf(at(0, "other"), info())).toEqual({ epoch: "me", offset: 0 });
    expect(statusOf(() => placeOf(at(1, "other"), info()))).toBe(410);
    expect(statusOf(() => placeOf(at(6, "me"), info()))).toBe(410);
    for (const malformed of ["", "x", "1", "0,1", "0_a b", "0000000000000001_"])
      expect(statusOf(() => checkOffset(malformed))).toBe(400);
  });

  test("[DS24] a fork knows the offsets of what it was made of", () => {
    const fork = {
      ancestors: [
        { epoch: "src", offset: 3, here: 3 },
        { epoch: "old", offset: 4, here: 2 },
      ],
    };
    const place = (text: string) => placeOf(text, info({ fork })).offset;
    expect([
      place("0000000000000002_src"),
      place("0000000000000003_src"),
      place("0000000000000004_old"),
    ]).toEqual([2, 3, 2]);
    expect(statusOf(() => place("0000000000000004_src"))).toBe(410);
    expect(statusOf(() => place("0000000000000003_old"))).toBe(410);
  });
});

describe("events", () => {
  test.each([
    "a\nb",
    "a\r\nb",
    "a\rb",
    "\n\nevent: control\ndata: {}\n\n",
    "\r\revent: x\r",
    " a",
    "a\n b",
    "",
  ])("[DS20] the text %j is one event, whatever is in it", (text) => {
    const events = parse(dataEvent("text", [text]));
    expect(events).toEqual([{ event: "data", data: text.replace(/\r\n|\r/g, "\n") }]);
  });

  test("[DS20] messages of JSON are one array, bytes one base64", () => {
    const [event] = parse(dataEvent("json", [{ a: "x\ny" }, [1], null]));
    expect(JSON.parse(event?.data ?? "")).toEqual([{ a: "x\ny" }, [1], null]);
    expect(parse(dataEvent("bytes", ["AQ==", "Ag=="]))).toEqual([{ event: "data", data: "AQI=" }]);
  });

  test("[DS19] a control event has its offset as id, and no cursor at the end", () => {
    const open = controlEvent({ nextOffset: "o", cursor: "7", upToDate: false, closed: false });
    expect(parse(open)).toEqual([
      { event: "control", data: '{"streamNextOffset":"o","streamCursor":"7"}', id: "o" },
    ]);
    const closed = parse(controlEvent({ nextOffset: "o", cursor: "7", upToDate: true, closed: true }))[0];
    expect(JSON.parse(closed?.data ?? "")).toEqual({
      streamNextOffset: "o",
      upToDate: true,
      streamClosed: true,
    });
  });

  test("[DS18] a cursor is the interval, or beyond the client's", () => {
    const now = Date.UTC(2024, 9, 9) + 100 * 20_000;
    expect([liveCursor(now, null, 0), liveCursor(now, "99", 0), liveCursor(now, "x", 0)]).toEqual([
      "100",
      "100",
      "100",
    ]);
    expect(Number(liveCursor(now, "100", 0))).toBe(101);
    expect(liveCursor(now, "500", 0.9999)).toBe("680");
  });
});

test("[DS11] refusals have the protocol's statuses and headers", () => {
  const producer = { id: "p", generation: 2, sequence: 9 };
  const of = (output: Parameters<typeof appendRefusal>[0]) => {
    const { status, headers } = appendRefusal(output, producer) as Error & {
      status: number;
      headers: object;
    };
    return [status, headers];
  };
  expect(of({ accepted: false, reason: "fenced", generation: 3 })).toEqual([403, { "Producer-Epoch": "3" }]);
  expect(of({ accepted: false, reason: "gap", expected: 4 })).toEqual([
    409,
    { "Producer-Expected-Seq": "4", "Producer-Received-Seq": "9" },
  ]);
  expect(of({ accepted: false, reason: "gap", expected: 0, isNewGeneration: true })[0]).toBe(400);
  expect(of({ accepted: false, reason: "closed", position: { epoch: "e", offset: 3 } })).toEqual([
    409,
    { "Stream-Next-Offset": "0000000000000002_e", "Stream-Closed": "true" },
  ]);
});

describe("subscriptions", () => {
  test.each([
    ["events/*", "events/a", true],
    ["events/*", "events/a/b", false],
    ["events/**", "events", true],
    ["**", "a/b/c", true],
    ["**/c", "a/b/c", true],
    ["a/**/c", "a/c", true],
    ["a/*/c", "a/c", false],
  ])("[DS27] %s matches %s: %s", (pattern, path, matches) => {
    expect(matchesPattern(pattern, path)).toBe(matches);
  });

  test.each([
    "http://example.com/x",
    "https://10.0.0.1/x",
    "https://0x7f000001/x",
    "https://169.254.169.254/latest",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fd00::1]/",
    "https://localhost/",
    "https://metadata.google.internal/",
    "https://db/",
    "https://u:p@example.com/",
    "ftp://example.com",
    "x",
  ])("[DS29] %s is no address for webhooks", (url) => {
    expect(() => checkWebhookUrl(url, true)).toThrow("https");
  });

  test("[DS29] loopback is for development", () => {
    expect(checkWebhookUrl("http://127.0.0.1:8080/x", true)).toBe("http://127.0.0.1:8080/x");
    expect(() => checkWebhookUrl("http://127.0.0.1:8080/x", false)).toThrow("https");
    expect(checkWebhookUrl("https://hooks.example.com/x", false)).toBe("https://hooks.example.com/x");
  });
});
