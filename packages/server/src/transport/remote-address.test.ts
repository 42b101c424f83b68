import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { remoteAddressOf, type TrustProxy } from "./remote-address.ts";

function addressOf(
  remoteAddress: string | undefined,
  forwarded: string | undefined,
  trustProxy: TrustProxy,
): string {
  const request = { socket: { remoteAddress }, headers: { "x-forwarded-for": forwarded } };
  return remoteAddressOf(request as unknown as IncomingMessage, trustProxy);
}

test("the header is not believed by default", () => {
  expect(addressOf("10.0.0.1", "1.2.3.4", false)).toBe("10.0.0.1");
});

test("a trusted proxy names whom it saw, whatever the client claimed before it", () => {
  expect(addressOf("10.0.0.1", "1.2.3.4", true)).toBe("1.2.3.4");
  expect(addressOf("10.0.0.1", "9.9.9.9, 1.2.3.4", true)).toBe("1.2.3.4");
  expect(addressOf("10.0.0.1", "9.9.9.9, 1.2.3.4, 10.0.0.2", 2)).toBe("1.2.3.4");
});

test("a header that is short or no address falls back to the connection", () => {
  expect(addressOf("10.0.0.1", "1.2.3.4", 2)).toBe("10.0.0.1");
  expect(addressOf("10.0.0.1", "me", true)).toBe("10.0.0.1");
  expect(addressOf("10.0.0.1", undefined, true)).toBe("10.0.0.1");
});

test("IPv4 inside IPv6 is written as IPv4", () => {
  expect(addressOf("::ffff:10.0.0.1", undefined, false)).toBe("10.0.0.1");
  expect(addressOf("2001:db8::1", undefined, false)).toBe("2001:db8::1");
  expect(addressOf(undefined, undefined, false)).toBe("unknown");
});
