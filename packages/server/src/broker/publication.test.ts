import type { BinaryMessage, ServerMessage } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import { type Encoder, Publication } from "./publication.ts";

function countingEncoder(prefix: string): Encoder & { calls: number } {
  return {
    calls: 0,
    encode(message: ServerMessage | BinaryMessage) {
      this.calls += 1;
      const data = `${prefix}${JSON.stringify(message)}`;
      return { data, bytes: data.length };
    },
  };
}

const publication = () => new Publication({ type: "pong" }, 1, { policy: "close" });

describe("a publication", () => {
  test("[D5] is encoded once for all subscribers of one codec", () => {
    const encoder = countingEncoder("");
    const made = publication();
    const first = made.encodedBy(encoder);
    for (let subscriber = 0; subscriber < 1_000; subscriber += 1) expect(made.encodedBy(encoder)).toBe(first);
    expect(encoder.calls).toBe(1);
  });

  test("is in the words of each codec", () => {
    const [one, other] = [countingEncoder("1"), countingEncoder("2")];
    const made = publication();
    const heads = [one, other, one].map((encoder) => String(made.encodedBy(encoder)?.data)[0]);
    expect(heads).toEqual(["1", "2", "1"]);
  });

  test("asks a codec that has no words for it only once", () => {
    let calls = 0;
    const mute: Encoder = {
      encode() {
        calls += 1;
        return null;
      },
    };
    const made = publication();
    expect([made.encodedBy(mute), made.encodedBy(mute), calls]).toEqual([null, null, 1]);
  });
});
