// Readers: each follows one stream, on the wire of its kind.
import { openSocket, requestText } from "./http.mjs";
import { TokenFinder } from "./tokens.mjs";
import { frameOf, openSession } from "./websocket.mjs";

const READY = { sse: Buffer.from('"upToDate":true'), native: Buffer.from('"type":"reply"') };

/**
 * Opens a reader from the stream's start. `ready` resolves when it has been told that it is up to date, or subscribed;
 * `onToken` is called with the number of each token.
 */
export function openReader(place, { isStrict = false, onToken = () => {} } = {}) {
  const ready = READY[place.wire];
  const reader = { finder: new TokenFinder(isStrict), socket: null, isOver: false };
  reader.ready = new Promise((resolve, reject) => {
    let isReady = false;
    const onData = (chunk) => {
      if (!isReady && chunk.includes(ready)) {
        isReady = true;
        resolve();
      }
      try {
        reader.finder.take(chunk, onToken);
      } catch (error) {
        reader.failure ??= error.message;
      }
    };
    OPEN[place.wire](place, onData).then((socket) => {
      reader.socket = socket;
      socket.on("close", () => {
        reader.isOver = true;
        reject(new Error("A reader was refused or cut."));
      });
    }, reject);
  });
  reader.ready.catch(() => undefined);
  return reader;
}

const OPEN = {
  async native({ port, path, token }, onData) {
    const socket = await openSession(port, token, onData);
    socket.write(frameOf({ type: "subscribe", ref: 1, topic: `stream:${path}`, since: "start" }));
    return socket;
  },
  async sse({ port, path, token }, onData) {
    const socket = await openSocket(port);
    socket.on("data", onData);
    const query = "?offset=-1&live=sse";
    socket.write(requestText("GET", { path, token }, { query, headers: "Accept: text/event-stream\r\n" }));
    return socket;
  },
};
