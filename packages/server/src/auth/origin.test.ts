import { expect, test } from "vitest";
import { createOriginCheck } from "./origin.ts";

const check = createOriginCheck({
  allowedOrigins: [
    "https://app.com",
    "http://dev.app.com:5173/",
    "https://bücher.example",
    "capacitor://localhost",
  ],
  allowedHosts: ["rt.app.com", "port.app.com:8443"],
});

const yes = { allowed: true, cookies: true };
const badOrigin = { allowed: false, code: "ORIGIN_FORBIDDEN" };
const badHost = { allowed: false, code: "HOST_FORBIDDEN" };
const host = "rt.app.com";

test.each([
  // Listed, however it is spelled.
  [{ origin: "https://app.com", host }, yes],
  [{ origin: "https://app.com:443", host }, yes],
  [{ origin: "HTTPS://APP.COM", host }, yes],
  [{ origin: "http://dev.app.com:5173", host }, yes],
  [{ origin: "https://xn--bcher-kva.example", host }, yes],
  [{ origin: "capacitor://localhost", host }, yes],
  // Not a browser.
  [{ host }, yes],
  // The server's own pages.
  [{ origin: "https://rt.app.com", host }, yes],
  [{ origin: "http://localhost:3000", host: "localhost:3000" }, yes],
  [{ origin: "http://127.0.0.1:3000", host: "127.0.0.1:3000" }, yes],
  [{ origin: "http://[::1]:3000", host: "[::1]:3000" }, yes],
  [{ origin: "https://port.app.com:8443", host: "port.app.com:8443" }, yes],
  // Look-alikes.
  [{ origin: "https://evil-app.com", host }, badOrigin],
  [{ origin: "https://app.com.evil", host }, badOrigin],
  [{ origin: "https://sub.app.com", host }, badOrigin],
  [{ origin: "https://app.com.", host }, badOrigin],
  [{ origin: "http://app.com", host }, badOrigin],
  [{ origin: "https://app.com:8443", host }, badOrigin],
  [{ origin: "http://dev.app.com", host }, badOrigin],
  [{ origin: "https://app.com@evil.com", host }, badOrigin],
  [{ origin: "https://evil.com/https://app.com", host }, badOrigin],
  [{ origin: "https://evil.com#https://app.com", host }, badOrigin],
  [{ origin: "https://app.com\\@evil.com", host }, badOrigin],
  [{ origin: "https://bucher.example", host }, badOrigin],
  [{ origin: "https://аpp.com", host }, badOrigin],
  [{ origin: "https://app%2ecom", host }, badOrigin],
  [{ origin: "capacitor://evil", host }, badOrigin],
  // Not one origin.
  [{ origin: "null", host }, badOrigin],
  [{ origin: "", host }, badOrigin],
  [{ origin: "*", host }, badOrigin],
  [{ origin: "app.com", host }, badOrigin],
  [{ origin: "https://", host }, badOrigin],
  [{ origin: "https://app.com, https://evil.com", host }, badOrigin],
  [{ origin: "https://app.com,https://evil.com", host }, badOrigin],
  [{ origin: "https://app.com https://evil.com", host }, badOrigin],
  // Another server on this machine.
  [{ origin: "http://localhost:4000", host: "localhost:3000" }, badOrigin],
  [{ origin: "capacitor://rt.app.com", host }, badOrigin],
  // Names that were pointed here.
  [{ origin: "http://evil.com", host: "evil.com" }, badHost],
  [{ host: "evil.com" }, badHost],
  [{ host: "127.0.0.1.evil.com" }, badHost],
  [{ host: "localhost.evil.com" }, badHost],
  [{ host: "port.app.com:9000" }, badHost],
  [{ origin: "https://app.com", host: "rt.app.com@evil.com" }, badHost],
  [{ host: "" }, badHost],
  [{}, badHost],
])("%j", (headers: { origin?: string; host?: string }, verdict) => {
  expect(check.judge(headers)).toEqual(verdict);
});

test("with * every page may connect, but cookies count for the known ones only", () => {
  const open = createOriginCheck({ allowedOrigins: ["*", "https://app.com"] });
  const at = (origin: string) => open.judge({ origin, host: "localhost:3000" });
  expect(at("https://any.example")).toEqual({ allowed: true, cookies: false });
  expect(at("https://app.com")).toEqual(yes);
  expect(at("http://localhost:3000")).toEqual(yes);
  expect(at("null")).toEqual(badOrigin);
});

test("entries that are no origins or hosts are refused at construction", () => {
  for (const entry of ["app.com", "https://app.com/path", "https://*.app.com", "null", ""]) {
    expect(() => createOriginCheck({ allowedOrigins: [entry] })).toThrow(
      expect.objectContaining({ fix: expect.any(String) }),
    );
  }
  expect(() => createOriginCheck({ allowedOrigins: [], allowedHosts: ["http://app.com"] })).toThrow();
});
