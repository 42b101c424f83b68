// Just enough of HTTP/1.1 on a bare socket that the generator is not what is measured.
import { once } from "node:events";
import { connect } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");

export async function openSocket(port) {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  await once(socket, "connect");
  socket.on("error", () => socket.destroy());
  return socket;
}

export function requestText(method, { path, token }, { query = "", headers = "", body = "" } = {}) {
  const type = body === "" && method !== "PUT" ? "" : "Content-Type: application/json\r\n";
  const length = method === "GET" ? "" : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} /v1/stream/${path}${query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n${headers}${type}${length}\r\n${body}`;
}

/** Requests one after the other on a connection. */
export class HttpConnection {
  #socket;
  #received = Buffer.alloc(0);
  #waiting = null;

  constructor(socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      this.#received = this.#received.length > 0 ? Buffer.concat([this.#received, chunk]) : chunk;
      this.#look();
    });
    socket.on("close", () => this.#waiting?.reject(new Error("The connection was closed.")));
  }

  static open = async (port) => new HttpConnection(await openSocket(port));

  /** Resolves with the head and the body of the answer; rejects for a status of 400 or more. */
  request(text) {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(text);
    });
  }

  close() {
    this.#waiting = null;
    this.#socket.destroy();
  }

  #look() {
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0 || this.#waiting === null) return;
    const bodyAt = headEnd + HEAD_END.length;
    const head = this.#received.toString("latin1", 0, bodyAt);
    const end = this.#endOf(head, bodyAt);
    if (end < 0) return;
    const body = this.#received.subarray(bodyAt, end);
    const { resolve, reject } = this.#waiting;
    this.#waiting = null;
    this.#received = Buffer.alloc(0);
    const status = Number(head.slice(9, 12));
    if (status >= 400) reject(new Error(`The server answered ${status}: ${body.toString("utf8", 0, 300)}`));
    else resolve({ head, body });
  }

  #endOf(head, bodyAt) {
    const length = /content-length: (\d+)/i.exec(head)?.[1];
    if (length !== undefined) {
      const end = bodyAt + Number(length);
      return this.#received.length >= end ? end : -1;
    }
    if (!/transfer-encoding: chunked/i.test(head)) return bodyAt;
    // An empty body is the last chunk alone, whose line end is that of the head.
    const at = this.#received.indexOf(LAST_CHUNK, bodyAt - 2);
    return at < 0 ? -1 : at + LAST_CHUNK.length;
  }
}
