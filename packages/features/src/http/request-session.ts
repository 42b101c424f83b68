import { PlexlineError } from "@plexline/protocol";
import type { EndpointSession, RequestContext } from "@plexline/server";

/** Ends what is being done in a session with this error. */
export type End = (error: PlexlineError) => void;

/**
 * Does something in a session of the request's own, which ends with it however it ends: with an answer, with an error, when
 * the client goes away, or when the engine takes the session's rights away.
 */
export async function inSession<T>(
  { request, context }: { readonly request: Request; readonly context: RequestContext },
  act: (session: EndpointSession, end: End) => Promise<T>,
): Promise<T> {
  let end: End = () => {};
  const ended = new Promise<never>((_resolve, reject) => {
    end = reject;
  });
  // It also ends after the answer, when nobody waits for that any more.
  ended.catch(() => {});
  const leave = () => end(new PlexlineError("CLIENT_CLOSED"));
  const session = await context.open({ onClose: (error) => end(error) });
  request.signal.addEventListener("abort", leave);
  if (request.signal.aborted) leave();
  try {
    return await Promise.race([ended, act(session, end)]);
  } catch (error) {
    if (!(error instanceof PlexlineError)) session.log.error({ action: "http.error", error });
    throw PlexlineError.from(error);
  } finally {
    request.signal.removeEventListener("abort", leave);
    session.close(1000, "");
  }
}
