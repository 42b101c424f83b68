import { expect, test } from "vitest";
import { call, codeOf, infoOf, join, startTwo } from "./stream.fixture.ts";

test("[ST34] metadata is replaced only if it is what was expected, also on another node", async () => {
  const [a, b] = await startTwo();
  const [ada, bob] = [await join(a, "ada"), await join(b, "bob")];
  await call(ada, "create");
  expect(await codeOf(ada, "describe", { metadata: { by: "ada" }, expected: { other: 1 } })).toBe("RESYNC");
  await call(ada, "describe", { metadata: { by: "ada" }, expected: {} });
  expect(await codeOf(bob, "describe", { metadata: { by: "bob" }, expected: {} })).toBe("RESYNC");
  expect((await infoOf(bob)).metadata).toEqual({ by: "ada" });
  const both = await Promise.all(
    [ada, bob].map((client, index) =>
      codeOf(client, "describe", { metadata: { index }, expected: { by: "ada" } }),
    ),
  );
  expect(both.toSorted()).toEqual(["RESYNC", "ok"]);
  expect((await infoOf(ada)).metadata).toEqual({ index: both.indexOf("ok") });
});
