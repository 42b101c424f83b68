import { decoding } from "lib0";
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket";
import { Doc } from "yjs";
import { createTypist } from "./typist.mjs";

const SYNC = 0;
const STEP_2 = 1;
const UPDATE = 2;

/** The update in a frame of the y-websocket wire; undefined for other frames. */
function updateOf(frame) {
  const decoder = decoding.createDecoder(frame);
  if (decoding.readVarUint(decoder) !== SYNC) return undefined;
  const kind = decoding.readVarUint(decoder);
  if (kind !== STEP_2 && kind !== UPDATE) return undefined;
  return { isAnswer: kind === STEP_2, update: decoding.readVarUint8Array(decoder) };
}

/**
 * A writer on the published provider. It has no acknowledgement of its own: an edit is saved when the update that carried it
 * comes back. What only deletes may be the very bytes of somebody else's update, which says nothing of durability [YW9]: so it
 * replaces instead.
 */
export function startStockWriter({ url, user, address, random, tell }) {
  const ydoc = new Doc();
  const typist = createTypist({ ydoc, user, address, random, tell, replaces: true });
  let waiting = [];
  const check = () => {
    waiting = waiting.filter(({ holds, resolve }) => !holds() || resolve());
  };
  const until = (holds) =>
    new Promise((resolve) => {
      waiting.push({ holds, resolve });
      check();
    });

  /** A socket that knows which edits each update that left by it carries. */
  class Overheard extends WebSocket {
    #sent = [];

    constructor(...args) {
      super(...args);
      this.on("message", (data) => this.#hear(new Uint8Array(data)));
    }

    send(frame, ...rest) {
      const sent = updateOf(frame);
      if (sent !== undefined) this.#sent.push({ bytes: Buffer.from(sent.update), edits: editsIn(sent) });
      super.send(frame, ...rest);
    }

    #hear(frame) {
      const heard = updateOf(frame);
      const at = heard ? this.#sent.findIndex(({ bytes }) => bytes.equals(heard.update)) : -1;
      if (at === -1) return;
      const [{ edits }] = this.#sent.splice(at, 1);
      typist.saved((edit) => edits.includes(edit));
      check();
    }
  }

  /**
   * An update carries the latest edit. An answer to SyncStep1 carries what the server has not got; by its coming back all the
   * rest is durable too, because the server asked with what it had.
   */
  const editsIn = ({ isAnswer }) => (isAnswer ? typist.open() : typist.open().slice(-1));

  const provider = new WebsocketProvider(`${url.replace("http", "ws")}/yjs`, address, ydoc, {
    WebSocketPolyfill: Overheard,
    params: { token: user },
    disableBc: true,
    maxBackoffTime: 100,
  });
  provider.on("connection-close", () => tell("lost", user));
  provider.on("closed", ({ event }) => tell("error", user, String(event?.code)));
  provider.on("sync", check);
  return {
    typist,
    whenReady: () => until(() => provider.synced),
    whenSaved: () => until(() => typist.unsaved === 0),
    close: () => provider.destroy(),
  };
}
