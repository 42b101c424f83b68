import { compileTemplate } from "@plexline/protocol";
import { expect, test } from "vitest";
import { fillTemplate } from "./template.ts";

const CASES: [template: string, params: Record<string, string>][] = [
  ["inbox", {}],
  ["board:{id}", { id: "7" }],
  ["board:{id}", { id: "a:b" }],
  ["org:{org}:page:{page}", { org: "x", page: "y:page:z" }],
];
const REFUSED: [template: string, params: Record<string, string>][] = [
  ["board:{id}", {}],
  ["board:{id}", { id: "" }],
  ["org:{org}:page:{page}", { org: "x:page:y", page: "z" }],
  ["a:{x}::{y}", { x: "1:", y: "2" }],
];

test("addresses are those of the protocol's templates", () => {
  for (const [template, params] of CASES) {
    expect(fillTemplate(template, params)).toBe(compileTemplate(template).address(params));
  }
});

test("what the protocol's templates refuse is refused", () => {
  for (const [template, params] of REFUSED) {
    expect(() => compileTemplate(template).address(params)).toThrow();
    expect(() => fillTemplate(template, params)).toThrow(expect.objectContaining({ code: "TOPIC_INVALID" }));
  }
});
