import { ControlRefusal } from "./refusal.ts";

const LOOPBACK = /^(?:localhost|127\.0\.0\.\d{1,3})$/;
/** Names that stand for something within a network, and names without a dot. */
const LOCAL_NAME = /^[^.]+$|\.(?:local|localhost|internal|intranet|lan|home|corp|test|invalid)\.?$/;

/**
 * Takes the address of a webhook [DS29]: https, and nothing that lies in a private network by its name or number. `URL` has
 * written numbers of every form as four parts by then. Names are not resolved here.
 *
 * @throws ControlRefusal WEBHOOK_URL_REJECTED
 */
export function checkWebhookUrl(text: string, allowLoopback: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username !== "" || url.password !== "") throw rejected();
  if (allowLoopback && url.protocol === "http:" && LOOPBACK.test(url.hostname)) return text;
  if (url.protocol !== "https:" || isLocal(url.hostname)) throw rejected();
  return text;
}

function isLocal(host: string): boolean {
  // Of the IPv6 addresses only those of 2000::/3 lie in the open, and of these not the ones that carry an IPv4 address.
  if (host.startsWith("[")) return !/^\[[23]/.test(host) || /^\[(?:2002|2001:0?:|64:ff9b)/.test(host);
  const parts = host.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d+$/.test(part))) return LOCAL_NAME.test(host);
  const [a, b] = parts.map(Number) as [number, number];
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    a >= 224 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && (b === 168 || b === 0)) ||
    (a === 198 && (b === 18 || b === 19))
  );
}

function rejected(): ControlRefusal {
  return new ControlRefusal(
    400,
    "WEBHOOK_URL_REJECTED",
    "Webhooks go to https addresses that are not in a private network.",
  );
}
