// Clients that speak a wire and nothing else: they count what they are sent and never open it, so that what is measured is
// the server. Each has an empty document, and none shows a cursor.
import { WebSocket } from "ws";
import { readUint, uint } from "./typing.mjs";

const EMPTY_UPDATE = [0, 0];
const NOTHING = [0];
const sized = (bytes) => [...uint(bytes.length), ...bytes];
const frame = (head, body) => Buffer.concat([Uint8Array.from([...head, ...uint(body.length)]), body]);

/**
 * Opens a client. `joined` resolves with the bytes of document that it was sent, once it has all of it; `onUpdate` gets updates
 * after that, `onSaved` is called for each of its updates that the server says to be saved. `send` sends an update.
 */
function open(url, protocols, wire) {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: false, skipUTF8Validation: true });
  const client = { socket, onUpdate() {}, onSaved() {}, send() {} };
  client.joined = new Promise((resolve, reject) => {
    let bytes = 0;
    let isDone = false;
    const progress = {
      take(update) {
        if (isDone) client.onUpdate(update);
        else bytes += update.length;
      },
      done() {
        isDone = true;
        resolve(bytes);
      },
      fail: (why) => reject(new Error(why)),
    };
    wire(socket, client, progress);
    socket.on("error", reject);
    socket.on("close", (code, reason) => reject(new Error(`closed: ${code} ${reason}`)));
  });
  // Those who are not waited for any more may be cut.
  client.joined.catch(() => undefined);
  return client;
}

function hocuspocus({ port, name, token }) {
  const address = sized(Buffer.from(name));
  return open(`ws://127.0.0.1:${port}/api/ws?type=yjs`, [], (socket, client, progress) => {
    client.send = (update) => socket.send(frame([...address, 0, 2], update));
    const send = (...bytes) => socket.send(Uint8Array.from(bytes));
    socket.on("open", () => {
      send(...address, 2, 0, ...sized(Buffer.from(token)), ...sized(Buffer.from("4.8.0")));
      send(...address, 0, 0, ...sized(NOTHING));
    });
    let isSynced = false;
    let isSaved = false;
    const onSync = (data, at) => {
      const [, from] = readUint(data, at + 1);
      if (data[at] === 0) return send(...address, 0, 1, ...sized(EMPTY_UPDATE));
      progress.take(data.subarray(from));
      if (data[at] === 1) isSynced = true;
    };
    socket.on("message", (data) => {
      if (data.length === 1) return send(10);
      const type = data[address.length];
      const wasDone = isSynced && isSaved;
      if (type === 0) onSync(data, address.length + 1);
      else if (type === 2 && data[address.length + 1] === 1) progress.fail("denied");
      else if (type === 8 && wasDone) client.onSaved(data[address.length + 1] === 1);
      else if (type === 8) isSaved = true;
      if (!wasDone && isSynced && isSaved) progress.done();
    });
  });
}

function yWebsocket({ port, name, token }) {
  return open(`ws://127.0.0.1:${port}/yjs/${name}?token=${token}`, [], (socket, client, progress) => {
    client.send = (update) => socket.send(frame([0, 2], update));
    socket.on("open", () => socket.send(Uint8Array.from([0, 0, ...sized(NOTHING)])));
    let isSynced = false;
    socket.on("message", (data) => {
      if (data[0] !== 0) return;
      if (data[1] === 0) return socket.send(Uint8Array.from([0, 1, ...sized(EMPTY_UPDATE)]));
      const [, from] = readUint(data, 2);
      progress.take(data.subarray(from));
      if (data[1] === 1 && !isSynced) {
        isSynced = true;
        progress.done();
      }
    });
  });
}

const NATIVE = { update: 0, ask: 1, answer: 2, part: 4 };

function native({ port, name, token }) {
  return open(`ws://127.0.0.1:${port}/ws`, ["plexline.v1"], (socket, client, progress) => {
    const say = (message) => socket.send(JSON.stringify(message));
    let alias = [];
    const send = (kind, bytes) => socket.send(Buffer.concat([Uint8Array.from([...alias, kind]), bytes]));
    client.send = (update) => send(NATIVE.update, update);
    socket.on("open", () => say({ type: "hello", token }));
    const topic = `doc:${name}`;
    let saved = 0;
    const onSaid = (message) => {
      if (message.type === "welcome") say({ type: "subscribe", ref: 1, topic, input: { parts: true } });
      else if (message.type === "ping") say({ type: "pong" });
      else if (message.type === "error" || message.ok === false) progress.fail(JSON.stringify(message));
      else if (message.type === "committed") {
        // The first one settled is the answer to the server's question.
        for (; saved < message.acked; saved += 1) if (saved > 0) client.onSaved(true);
      } else if (message.type === "reply") {
        alias = uint(message.result.alias);
        send(NATIVE.ask, Uint8Array.from(NOTHING));
      }
    };
    let isSynced = false;
    socket.on("message", (data, isBinary) => {
      if (!isBinary) return onSaid(JSON.parse(data.toString()));
      const [, kindAt] = readUint(data, 0);
      const isPart = data[kindAt] === NATIVE.part;
      const kind = isPart ? data[kindAt + 2] : data[kindAt];
      if (kind === NATIVE.ask) return send(NATIVE.answer, Uint8Array.from(EMPTY_UPDATE));
      if (kind !== NATIVE.update && kind !== NATIVE.answer) return;
      progress.take(data.subarray(kindAt + (isPart ? 3 : 1)));
      if (kind === NATIVE.answer && !isSynced) {
        isSynced = true;
        progress.done();
      }
    });
  });
}

/** How to open a client, by the name of its wire: `{ port, name, token }`. */
export const WIRES = { hocuspocus, "y-websocket": yWebsocket, native };
