import { PlexlineError } from "@plexline/protocol";
import type { Credentials } from "../auth/authenticator.ts";
import type { Endpoint, EndpointSession } from "../feature/endpoint.ts";
import type { Socket, SocketHandlers } from "../session/socket.ts";

/**
 * A session for one HTTP request: an endpoint's session on a socket that leads nowhere, so that its rights, limits, metrics
 * and its end are those of any connection. Rejects with what a connection would be refused for.
 *
 * @param onClose Told when the session has ended, by whomever, and why the engine ended it.
 */
export function openRequestSession(
  accept: (socket: Socket, credentials: Credentials, endpoint: Endpoint) => void,
  path: string,
  credentials: Credentials,
  onClose: (error: PlexlineError) => void = () => {},
): Promise<EndpointSession> {
  return new Promise((resolve, reject) => {
    let why = STOPPED;
    const endpoint: Endpoint = {
      path,
      onConnect: resolve,
      closeFor: (error) => {
        why = error;
        reject(error);
        return null;
      },
      onClose: () => onClose(why),
    };
    accept(createSilentSocket(), credentials, endpoint);
  });
}

/** What the engine ends every session for when it stops has no error; made once, because every request's session ends. */
const STOPPED = new PlexlineError("SHUTTING_DOWN");

/** Takes everything, says nothing, and shows signs of life when asked. */
function createSilentSocket(): Socket {
  let handlers: SocketHandlers | null = null;
  const end = (code: number, reason: string) => {
    const ending = handlers;
    handlers = null;
    queueMicrotask(() => ending?.onClose(code, reason));
  };
  return {
    bufferedBytes: 0,
    send() {},
    ping: () => queueMicrotask(() => handlers?.onPong()),
    close: end,
    terminate: () => end(1006, ""),
    pause() {},
    resume() {},
    setMessageBytesMax() {},
    attach(taken) {
      handlers = taken;
    },
  };
}
