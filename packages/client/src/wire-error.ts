import { type ErrorBody, isErrorCode, PlexlineError, parseCloseReason } from "@plexline/protocol";

/** An error as the server sent it. A code that this client does not know yet becomes INTERNAL; its text is kept. */
export function errorFromWire(body: ErrorBody): PlexlineError {
  return new PlexlineError(isErrorCode(body.code) ? body.code : "INTERNAL", body);
}

/** Why a connection closed when no `error` message said it: the code and text in the close reason, else the close code. */
export function errorFromClose(closeCode: number, reason: string): PlexlineError {
  const code = parseCloseReason(reason);
  if (code !== null) {
    const message = reason.slice(code.length + 2);
    return new PlexlineError(code, message ? { message } : {});
  }
  return new PlexlineError("DISCONNECTED", {
    message: `The connection was lost (close code ${closeCode}${reason && `: ${reason}`}).`,
    fix: "Check the url, the network and the server's log.",
  });
}
