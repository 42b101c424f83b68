import { expect, test } from "vitest";
import { Echoes } from "./echoes.ts";

const first = Uint8Array.of(1, 1, 1);
const second = Uint8Array.of(2, 2, 2);
const update = (bytes: Uint8Array) => ({ type: "update", bytes }) as const;
const step2 = (bytes: Uint8Array) => ({ type: "sync-step-2", bytes }) as const;

test("an update waits until it comes back, and those of others are none of its business", () => {
  const echoes = new Echoes();
  echoes.frame("out", update(first));
  echoes.frame("out", update(second));
  echoes.frame("in", update(Uint8Array.of(9, 9, 9)));
  expect(echoes.count).toBe(2);
  echoes.frame("in", update(first.slice()));
  expect(echoes.count).toBe(1);
  echoes.frame("in", update(second.slice()));
  expect(echoes.count).toBe(0);
});

test("an echo settles what was sent before it", () => {
  const echoes = new Echoes();
  echoes.frame("out", update(first));
  echoes.frame("out", update(second));
  echoes.frame("in", update(second));
  expect(echoes.count).toBe(0);
});

test("an answer to the server holds what was waiting and what was written while away", () => {
  const echoes = new Echoes();
  echoes.frame("out", update(first));
  echoes.editedOffline();
  echoes.editedOffline();
  expect(echoes.count).toBe(3);
  echoes.frame("out", step2(second));
  expect(echoes.count).toBe(1);
  echoes.frame("in", update(second));
  expect(echoes.count).toBe(0);
});

test("an empty answer waits for nothing", () => {
  const echoes = new Echoes();
  echoes.frame("out", step2(Uint8Array.of(0, 0)));
  expect(echoes.count).toBe(0);
});

test("what is waiting is a copy", () => {
  const echoes = new Echoes();
  const reused = first.slice();
  echoes.frame("out", update(reused));
  reused.fill(7);
  echoes.frame("in", update(first));
  expect(echoes.count).toBe(0);
});
