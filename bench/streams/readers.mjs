// Readers: each follows one stream, on the wire of its kind.
import { openSocket, requestText } from "./http.mjs";
import { TokenFinder } from "./tokens.mjs";
import { frameOf, openSession } from "./websocket.mjs";

const READY = { sse: Buffer.from('"upToDate":true'), native: Buffer.from('"type":"reply"') };

/**
 * Opens a reader from the stream's start. `ready` resolves when it has been told that it is up to date, or subscribed;
 * `onToken` is called with the number of the newest token whenever some have come.
 */
export function openReader({ wire, port, path, token }, { isStrict = false, onToken }) {
  const finder = new TokenFinder(isStrict);
  const reader = { finder, socket: null, isOver: false, ready: null };
  reader.ready = new Promise((resolve, reject) => {
    let isReady = false;
    const onData = (chunk) => {
      if (!isReady && chunk.includes(READY[wire])) {
        isReady = true;
        resolve();
      }
      const before = finder.last;
      try {
        if (finder.take(chunk) !== before) onToken(before, finder.last);
      } catch (error) {
        reader.failure = error.message;
      }
    };
    connect(onData).then((socket) => {
      reader.socket = socket;
      socket.on("close", () => {
        reader.isOver = true;
        reject(new Error("A reader was refused or cut."));
      });
    }, reject);
  });
  reader.ready.catch(() => undefined);
  return reader;

  async function connect(onData) {
    if (wire === "native") {
      const socket = await openSession(port, token, onData);
      socket.write(frameOf({ type: "subscribe", ref: 1, topic: `stream:${path}`, since: "start" }));
      return socket;
    }
    const socket = await openSocket(port);
    socket.on("data", onData);
    const query = "?offset=-1&live=sse";
    socket.write(requestText("GET", { path, token }, { query, headers: "Accept: text/event-stream\r\n" }));
    return socket;
  }
}
