import { expect, test } from "vitest";
import { decodeText, mediaTypeOf, readBody } from "./body.ts";

const LIMIT = { bytesMax: 4 };

/** A request whose body comes in these parts, and whether somebody wants no more of it. */
function send(parts: readonly (readonly number[])[], headers: Record<string, string> = {}) {
  let isCancelled = false;
  const waiting = [...parts];
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = waiting.shift();
      if (part) controller.enqueue(Uint8Array.from(part));
      else controller.close();
    },
    cancel() {
      isCancelled = true;
    },
  });
  // Node asks for it, and its types do not know it.
  const init = { method: "POST", body, headers, duplex: "half" } as RequestInit;
  return { request: new Request("http://localhost/", init), isCancelled: () => isCancelled };
}

test("a body is read whole, of as many bytes as are taken", async () => {
  expect(await readBody(send([[1, 2], [3], [4]]).request, LIMIT)).toEqual(Uint8Array.of(1, 2, 3, 4));
  expect(await readBody(new Request("http://localhost/"), LIMIT)).toEqual(new Uint8Array(0));
});

test("a body of a told length is read whole", async () => {
  const { request } = send([[1, 2], [3]], { "content-length": "3" });
  expect(await readBody(request, LIMIT)).toEqual(Uint8Array.of(1, 2, 3));
});

test("a body that tells nothing of its length is not read beyond what is taken", async () => {
  const { request, isCancelled } = send([[1, 2, 3], [4, 5], [6]]);
  await expect(readBody(request, LIMIT)).rejects.toMatchObject({
    code: "MESSAGE_TOO_LARGE",
    message: expect.stringContaining("4 bytes"),
  });
  await expect.poll(isCancelled).toBe(true);
});

test("a told length that is too large is refused before anything is read", async () => {
  const { request } = send([[1]], { "content-length": "5" });
  await expect(readBody(request, { ...LIMIT, fix: "Less." })).rejects.toMatchObject({ fix: "Less." });
  expect(request.bodyUsed).toBe(false);
});

test("a told length counts for nothing when more comes, or when it is no number", async () => {
  const lying = send([[1, 2, 3, 4, 5]], { "content-length": "1" });
  await expect(readBody(lying.request, LIMIT)).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
  const odd = send(
    [
      [1, 2, 3],
      [4, 5],
    ],
    { "content-length": "many" },
  );
  await expect(readBody(odd.request, LIMIT)).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
});

test("the media type is what stands before the parameters", () => {
  const typeOf = (type?: string) =>
    mediaTypeOf(
      new Request("http://localhost/", type === undefined ? {} : { headers: { "content-type": type } }),
    );
  expect(typeOf("Application/JSON; charset=utf-8")).toBe("application/json");
  expect(typeOf()).toBeNull();
});

test("bytes that are no UTF-8 are no text", () => {
  expect(decodeText(Uint8Array.of(0xc3, 0xa4))).toBe("ä");
  expect(decodeText(Uint8Array.of(0xc3))).toBeNull();
});
