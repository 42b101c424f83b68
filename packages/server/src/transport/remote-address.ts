import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/**
 * How many proxies in front of the server append to `X-Forwarded-For`. `true` means one; `false` (default) means that
 * nobody is believed, because any client can send the header.
 */
export type TrustProxy = boolean | number;

/** The address of whoever connected, as plain IPv4 or IPv6 text; "unknown" if the connection is gone already. */
export function remoteAddressOf(
  request: Pick<IncomingMessage, "headers" | "socket">,
  trustProxy: TrustProxy,
): string {
  const direct = plainAddress(request.socket.remoteAddress ?? "unknown");
  const proxies = Number(trustProxy);
  const forwarded = request.headers["x-forwarded-for"];
  if (proxies === 0 || forwarded === undefined) return direct;
  // Each proxy appends whom it saw, so what the outermost trusted one wrote is counted from the end.
  const chain = String(forwarded).split(",");
  const address = plainAddress(chain.at(-proxies)?.trim() ?? "");
  return isIP(address) === 0 ? direct : address;
}

/** IPv4 inside IPv6 is the same address. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address;
}
