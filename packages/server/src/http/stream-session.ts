import { PlexlineError } from "@plexline/protocol";
import type { Credentials } from "../auth/authenticator.ts";
import type { Endpoint, EndpointSession, RequestContext } from "../feature/endpoint.ts";
import { BodySocket, type BodySocketOptions } from "../session/body-socket.ts";
import type { SpokenEndpoint } from "../session/endpoint-protocol.ts";
import type { Socket } from "../session/socket.ts";
import { createWebBody } from "../session/web-body.ts";

export interface StreamSessionParts extends BodySocketOptions {
  /** Hands a socket to the engine. */
  readonly accept: (socket: Socket, credentials: Credentials, endpoint: SpokenEndpoint) => void;
  /** Why no more connections are taken now; null when they are. */
  readonly refusal: () => PlexlineError | null;
}

/** Opens a session whose messages are the body of a response. */
export type OpenStream = (
  endpoint: Pick<Endpoint, "path">,
  credentials: Credentials,
  ...given: Parameters<RequestContext["stream"]>
) => ReturnType<RequestContext["stream"]>;

/** A session for one HTTP response: an endpoint's session on a socket that is the response's body. */
export function createOpenStream(parts: StreamSessionParts): OpenStream {
  return async function openStream({ path }, credentials, { status = 200, headers }, options = {}) {
    const refusal = parts.refusal();
    if (refusal) throw refusal;
    const socket = new BodySocket(parts);
    let isOpen = false;
    /** What the engine ends it for. */
    let why: PlexlineError | null = null;
    const opening = new Promise<EndpointSession>((resolve, reject) => {
      const endpoint: SpokenEndpoint = {
        path,
        onConnect(opened) {
          isOpen = true;
          resolve(opened);
        },
        lastWords(error) {
          why ??= error;
          if (isOpen) return options.closing?.(error) ?? null;
          reject(error);
          return null;
        },
        onClose() {
          if (isOpen) options.onClose?.(why);
          else reject(why ?? new PlexlineError("CLIENT_CLOSED"));
        },
      };
      parts.accept(socket, credentials, endpoint);
    });
    // Nobody will write the response of one that is refused.
    opening.catch(() => socket.terminate());
    const session = await opening;
    return { session, response: new Response(createWebBody(socket), { status, headers }) };
  };
}
