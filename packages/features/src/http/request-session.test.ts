import { PlexlineError } from "@plexline/protocol";
import { type EndpointSession, type RequestContext, silentLogger } from "@plexline/server";
import { expect, test } from "vitest";
import { type End, inSession } from "./request-session.ts";

/** A request whose session the test ends. */
function start() {
  const closed: number[] = [];
  let onClose: End = () => {};
  const session: Partial<EndpointSession> = { log: silentLogger, close: (code) => void closed.push(code) };
  const context: Partial<RequestContext> = {
    async open(options) {
      onClose = options?.onClose ?? onClose;
      return session as EndpointSession;
    },
  };
  const leaving = new AbortController();
  const request = new Request("http://localhost/", { signal: leaving.signal });
  const run = (act: (session: EndpointSession, end: End) => Promise<string>) =>
    inSession({ request, context: context as RequestContext }, act);
  return { closed, leaving, run, endBy: (error: PlexlineError) => onClose(error) };
}

const never = () => new Promise<string>(() => {});

test("what is done is answered, and the session closed", async () => {
  const { run, closed } = start();
  expect(await run(async () => "done")).toBe("done");
  expect(closed).toEqual([1000]);
});

test("the engine's end of the session is what the request is answered with", async () => {
  const { run, closed, endBy } = start();
  const answer = run(async () => {
    endBy(new PlexlineError("REVOKED"));
    return never();
  });
  await expect(answer).rejects.toMatchObject({ code: "REVOKED" });
  expect(closed).toEqual([1000]);
});

test("a client that has gone ends it, also before it began", async () => {
  const early = start();
  early.leaving.abort();
  await expect(early.run(never)).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  const late = start();
  const answer = late.run(async () => {
    late.leaving.abort();
    return never();
  });
  await expect(answer).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  expect([early.closed, late.closed]).toEqual([[1000], [1000]]);
});

test("a fault of the code is INTERNAL, without its text", async () => {
  const { run, closed } = start();
  const answer = run(async () => {
    throw new Error("secret");
  });
  await expect(answer).rejects.toMatchObject({ code: "INTERNAL" });
  await expect(answer).rejects.not.toThrow("secret");
  expect(closed).toEqual([1000]);
});
