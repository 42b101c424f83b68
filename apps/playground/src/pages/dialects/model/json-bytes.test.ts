import fc from "fast-check";
import { expect, test } from "vitest";
import { fromJson, toBase64 } from "./json-bytes.ts";

test("bytes survive every form that a dialect gives them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const forms = [toBase64(bytes), [...bytes], bytes];
      for (const form of forms) expect(fromJson(JSON.parse(JSON.stringify(form)))).toEqual(bytes);
    }),
  );
});

test.each([[undefined], [null], [7], ["*"], [[256]], [[-1]], [[1.5]], [{ 0: "1" }], [[[1]]]])(
  "%j is no bytes",
  (value) => {
    expect(fromJson(value)).toBeNull();
  },
);
