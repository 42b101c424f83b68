import type { Socket, SocketHandlers } from "@plexline/server";
import { expect, test } from "vitest";
import { createTestClock } from "./clock.ts";
import { createNetwork } from "./network.ts";

/** A network whose messages travel 10 ms, with what both ends of one connection hear. */
function connect() {
  const clock = createTestClock();
  const heard: string[] = [];
  let server: Socket | undefined;
  const network = createNetwork({
    clock,
    delayMs: () => 10,
    accept(socket) {
      server = socket;
      const handlers: SocketHandlers = {
        onMessage: (data) => void heard.push(`server: ${String(data)}`),
        onPong: () => void heard.push("server: pong"),
        onFlushed() {},
        onClose: (code) => void heard.push(`server closed ${code}`),
      };
      socket.attach(handlers);
    },
  });
  const client = new network.WebSocket("ws://server.test", ["plexline.v1"]);
  client.onopen = () => void heard.push("client open");
  client.onmessage = ({ data }) => void heard.push(`client: ${String(data)}`);
  client.onclose = ({ code }) => void heard.push(`client closed ${code}`);
  const open = () => {
    clock.advance(20);
    const [link] = network.links;
    if (!server || !link) throw new Error("The connection is not open.");
    return { server, link };
  };
  return { clock, heard, network, client, open };
}

test("messages travel in order, each after its delay", () => {
  const { clock, heard, client, open } = connect();
  const { server } = open();
  client.send("a");
  server.send("b");
  clock.advance(9);
  expect(heard).toEqual(["client open"]);
  server.send("c");
  server.ping();
  clock.advance(11);
  expect(heard).toEqual(["client open", "server: a", "client: b", "client: c"]);
  clock.advance(10);
  expect(heard.at(-1)).toBe("server: pong");
});

test("a cut loses what travels, and each end learns of it after its own delay", () => {
  const { clock, heard, client, network, open } = connect();
  const { server, link } = open();
  client.send("lost");
  server.send("lost");
  link.cut({ clientAfterMs: 30, serverAfterMs: 50 });
  clock.advance(49);
  expect(heard).toEqual(["client open", "client closed 1006"]);
  clock.advance(1);
  expect(heard.at(-1)).toBe("server closed 1006");
  expect(network.links.size).toBe(0);
});

test("an end that never learns of a cut learns of it when it gives up itself", () => {
  const { clock, heard, open } = connect();
  const { server, link } = open();
  const never = Number.POSITIVE_INFINITY;
  link.cut({ clientAfterMs: never, serverAfterMs: never });
  clock.advance(100_000);
  expect(heard).toEqual(["client open"]);
  server.terminate();
  clock.advance(0);
  expect(heard).toEqual(["client open", "server closed 1006"]);
});

test("a client that does not read fills the server's buffer, which empties when it reads again", () => {
  const { clock, heard, open } = connect();
  const { server, link } = open();
  link.stall(true);
  server.send("12345");
  server.close(1012, "restart");
  clock.advance(1_000);
  expect([server.bufferedBytes, heard.at(-1)]).toEqual([5, "server closed 1012"]);
  link.stall(false);
  expect([server.bufferedBytes, ...heard.slice(-2)]).toEqual([0, "client: 12345", "client closed 1012"]);
});

test("a server that does not read gets what was sent when it reads again", () => {
  const { clock, heard, client, open } = connect();
  const { server } = open();
  server.pause();
  client.send("a");
  client.close(1000);
  clock.advance(1_000);
  expect(heard).toEqual(["client open", "client closed 1000"]);
  server.resume();
  expect(heard.slice(-2)).toEqual(["server: a", "server closed 1000"]);
});

test("connecting fails while the network is down", () => {
  const { clock, heard, network } = connect();
  network.isDown = true;
  clock.advance(20);
  expect(heard).toEqual(["client closed 1006"]);
  expect(network.links.size).toBe(0);
});
