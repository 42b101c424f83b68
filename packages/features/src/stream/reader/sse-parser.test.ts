import { createSeededRandom } from "@plexline/testing";
import { expect, test } from "vitest";
import { type SseEvent, SseParser } from "./sse-parser.ts";

function parse(...pieces: string[]): SseEvent[] {
  const events: SseEvent[] = [];
  const parser = new SseParser((event) => events.push(event));
  for (const piece of pieces) parser.feed(piece);
  return events;
}

test("an event has its data, its id and its name; comments and what is not complete are none", () => {
  expect(parse(": hello\n\nid: 1\nevent: chunk\ndata: a\ndata:b\ndata\n\ndata: rest")).toEqual([
    { event: "chunk", data: "a\nb\n", id: "1" },
  ]);
});

test("an id is kept for the events that follow, and one with NUL is none", () => {
  expect(parse("id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid\ndata: c\n\n").map(({ id }) => id)).toEqual([
    "1",
    "1",
    "",
  ]);
});

test("lines may end in CR, LF or both, wherever the pieces are cut", () => {
  const text = '\uFEFFid: 1\r\ndata: a\rdata:  b\n\r\ndata: {"x":1}\r\r:\n\nevent: e\ndata: ä€😀\n\n';
  const whole = parse(text);
  expect(whole.map(({ data }) => data)).toEqual(["a\n b", '{"x":1}', "ä€😀"]);
  const random = createSeededRandom(3);
  for (let round = 0; round < 500; round += 1) {
    const pieces: string[] = [];
    for (let at = 0; at < text.length; ) {
      const length = 1 + random.integer(6);
      pieces.push(text.slice(at, at + length));
      at += length;
    }
    expect(parse(...pieces)).toEqual(whole);
  }
});

test("an event that never ends is refused", () => {
  const parser = new SseParser(() => {});
  const piece = `data: ${"x".repeat(1024 * 1024)}\n`;
  expect(() => {
    for (let count = 0; count < 10; count += 1) parser.feed(piece);
  }).toThrow(RangeError);
});
