import { expect, test } from "vitest";
import { EchoQueue } from "./echo.ts";
import { encodeUpdate } from "./frame.ts";

const updateOf = (byte: number, length = 1) => new Uint8Array(length).fill(byte);
const echoesOf = (...bytes: number[]) => bytes.map((byte) => encodeUpdate(updateOf(byte)));

test("[YW9] an update is echoed once it is taken and acknowledged, whichever comes first, in their order", () => {
  const queue = new EchoQueue(10_000);
  const [first, second, third] = [1, 2, 3].map((byte) => queue.add(updateOf(byte)));
  queue.taken(second!);
  queue.acknowledge(2);
  expect(queue.takeDue()).toEqual([]);
  queue.taken(first!);
  expect(queue.takeDue()).toEqual(echoesOf(1, 2));
  queue.taken(third!);
  expect(queue.takeDue()).toEqual([]);
  queue.acknowledge(3);
  queue.acknowledge(1);
  expect(queue.takeDue()).toEqual(echoesOf(3));
  expect(queue.waitingBytes).toBe(0);
});

test("[YW9] an update that was refused is not echoed, though acknowledging its number settles it", () => {
  const queue = new EchoQueue(10_000);
  const numbers = [1, 2, 3].map((byte) => queue.add(updateOf(byte)));
  queue.taken(numbers[0]!);
  queue.refused(numbers[1]!);
  queue.taken(numbers[2]!);
  queue.acknowledge(3);
  expect(queue.takeDue()).toEqual(echoesOf(1, 3));
});

test("[YW9] when something is lost, nothing that waits is echoed, and what follows is", () => {
  const queue = new EchoQueue(10_000);
  queue.taken(queue.add(updateOf(1)));
  queue.clear();
  queue.taken(queue.add(updateOf(2)));
  queue.acknowledge(2);
  expect(queue.takeDue()).toEqual(echoesOf(2));
});

test("[YW10] beyond its bytes the oldest does without, and so does what is too large by itself", () => {
  const queue = new EchoQueue(300);
  const numbers = [1, 2, 3, 4, 5, 6].map((byte) => queue.add(updateOf(byte)));
  numbers.push(queue.add(updateOf(7, 400)));
  expect(queue.waitingBytes).toBeLessThanOrEqual(300);
  for (const number of numbers) queue.taken(number);
  queue.acknowledge(7);
  expect(queue.takeDue()).toEqual(echoesOf(3, 4, 5, 6));
});

test("[YW9] what is echoed are the bytes as they were when they came", () => {
  const queue = new EchoQueue(1_000);
  const update = updateOf(1);
  const number = queue.add(update);
  update.fill(9);
  queue.taken(number);
  queue.acknowledge(1);
  expect(queue.takeDue()).toEqual(echoesOf(1));
});
