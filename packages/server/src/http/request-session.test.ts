import type { PlexlineError } from "@plexline/protocol";
import { createTestServer, probe } from "@plexline/testing";
import { expect, onTestFinished, test } from "vitest";
import { openRequestSession } from "./request-session.ts";

async function start() {
  const board = probe("board:{id}", { history: {} });
  const server = await createTestServer({ topics: { board } });
  onTestFinished(() => server.close());
  const request = {
    method: "POST",
    path: "/boards/1",
    query: new URLSearchParams(),
    headers: {},
    subprotocols: [],
    remoteAddress: "127.0.0.1",
    params: {},
  };
  const open = (token?: string, onClose?: (error: PlexlineError) => void) =>
    openRequestSession(
      (socket, credentials, endpoint) =>
        server.app.accept(socket, credentials, { kind: "endpoint", endpoint }),
      "/boards/:id",
      { request, ...(token === undefined ? {} : { token }) },
      onClose,
    );
  return { server, open };
}

test("a request's session subscribes, hears and publishes like any other, and ends when it is closed", async () => {
  const { server, open } = await start();
  const session = await open(server.issue("ada"));
  const heard: unknown[] = [];
  await session.subscribe("board:1", {
    translate(message) {
      heard.push(message);
      return "to nowhere";
    },
  });
  const { position } = await session.publish("board:1", "moved", { x: 1 });
  expect(position?.offset).toBe(1);
  await server.settle();
  expect(heard).toEqual([expect.objectContaining({ type: "push", event: "moved" })]);
  expect(server.app.stats()).toMatchObject({ connections: 1, sessions: 1 });
  await server.settle(120_000);
  expect(server.app.stats()).toMatchObject({ connections: 1 });
  session.close(1000, "done");
  await server.settle();
  expect(server.app.stats()).toMatchObject({ connections: 0, sessions: 0 });
});

test("who is not let in is told why", async () => {
  const { open } = await start();
  await expect(open()).rejects.toMatchObject({ code: "TOKEN_MISSING" });
  await expect(open("nonsense")).rejects.toMatchObject({ code: "TOKEN_INVALID" });
});

test("who is waiting hears why the engine has ended the session", async () => {
  const { server, open } = await start();
  const ends: string[] = [];
  await open(server.issue("ada"), ({ code }) => ends.push(code));
  await server.app.revocations.revokePrincipal({ tenant: "default", id: "ada" });
  await server.settle();
  const expiresAtMs = server.clock.nowMs() + 1_000;
  await open(server.issue("bob", { expiresAtMs }), ({ code }) => ends.push(code));
  await server.settle(120_000);
  await open(server.issue("eve"), ({ code }) => ends.push(code));
  await server.close();
  expect(ends).toEqual(["REVOKED", "TOKEN_EXPIRED", "SHUTTING_DOWN"]);
});
