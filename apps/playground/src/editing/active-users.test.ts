import { afterEach, expect, test } from "vitest";
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from "y-protocols/awareness";
import { Doc } from "yjs";
import { watchActiveUsers } from "./active-users.ts";

const made: Awareness[] = [];
afterEach(() => {
  for (const awareness of made.splice(0)) awareness.destroy();
});

function awarenessOf(clientId: number, name: string): Awareness {
  const doc = new Doc();
  doc.clientID = clientId;
  const awareness = new Awareness(doc);
  awareness.setLocalState({ user: { name } });
  made.push(awareness);
  return awareness;
}

function show(from: Awareness, to: Awareness): void {
  applyAwarenessUpdate(to, encodeAwarenessUpdate(from, [from.clientID]), "test");
}

test("the own user comes first, others come and go with their awareness", () => {
  const own = awarenessOf(50, "Ada");
  const { users } = watchActiveUsers(own);
  const [alan, lynn] = [awarenessOf(9, "Alan"), awarenessOf(99, "Lynn")];
  show(lynn, own);
  show(alan, own);
  expect(users.value.map(({ name }) => name)).toEqual(["Ada", "Alan", "Lynn"]);
  alan.setLocalState(null);
  show(alan, own);
  expect(users.value.map(({ name }) => name)).toEqual(["Ada", "Lynn"]);
});

test("a cursor that moves leaves the list as it is, and a closed watch hears nothing", () => {
  const own = awarenessOf(50, "Ada");
  const { users, close } = watchActiveUsers(own);
  const before = users.value;
  own.setLocalStateField("cursor", { anchor: 1 });
  expect(users.value).toBe(before);
  close();
  show(awarenessOf(9, "Alan"), own);
  expect(users.value).toBe(before);
});
