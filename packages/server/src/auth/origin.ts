import { isIP } from "node:net";
import { PlexlineError } from "@plexline/protocol";

export interface OriginOptions {
  /** Origins whose pages may connect, e.g. `https://app.example.com`. `*` lets all in, but never with cookies. */
  readonly allowedOrigins: readonly string[];
  /** Names this server answers to, with or without a port, besides `localhost` and IP addresses. */
  readonly allowedHosts?: readonly string[];
}

/** What became of a request's Origin and Host. */
export type OriginVerdict =
  | { readonly allowed: true; readonly cookies: boolean }
  | { readonly allowed: false; readonly code: "ORIGIN_FORBIDDEN" | "HOST_FORBIDDEN" };

export interface OriginCheck {
  /** Judges a request's `origin` and `host` headers. */
  judge(headers: Readonly<Record<string, string | undefined>>): OriginVerdict;
}

/** Scheme, host and an optional port, and nothing else: no list, no path, no user, no escapes. */
const SERIALIZED_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/\\?#@%,]+$/i;

/**
 * Decides which pages may connect. Origins are parsed and compared whole; there are no patterns.
 *
 * - The Host must be `localhost`, an IP address or one of `allowedHosts`: a foreign name that was pointed at this server
 *   (DNS rebinding) is none of these, and an address cannot be pointed elsewhere.
 * - No Origin: not a browser's page; allowed, cookies count.
 * - The Origin of the Host itself, or one that is listed: allowed, cookies count.
 * - Any other: refused, or with `*` allowed without cookies. `null` and what cannot be parsed are always refused.
 */
export function createOriginCheck(options: OriginOptions): OriginCheck {
  const anyOrigin = options.allowedOrigins.includes("*");
  const origins = new Set(options.allowedOrigins.filter((entry) => entry !== "*").map(parseAllowedOrigin));
  const hosts = new Set(["localhost", ...(options.allowedHosts ?? []).map(parseAllowedHost)]);
  return {
    judge({ origin, host }) {
      if (!isHostAllowed(host, hosts)) return { allowed: false, code: "HOST_FORBIDDEN" };
      if (origin === undefined) return { allowed: true, cookies: true };
      const parsed = parseOrigin(origin);
      if (parsed === undefined) return { allowed: false, code: "ORIGIN_FORBIDDEN" };
      if (origins.has(serialize(parsed)) || isOwnOrigin(parsed, host))
        return { allowed: true, cookies: true };
      return anyOrigin ? { allowed: true, cookies: false } : { allowed: false, code: "ORIGIN_FORBIDDEN" };
    },
  };
}

function parseOrigin(text: string): URL | undefined {
  if (!SERIALIZED_ORIGIN.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.host === "" ? undefined : url;
}

/** Not `url.origin`, which is "null" for the schemes of app shells (`capacitor://localhost`). */
function serialize(url: URL): string {
  return `${url.protocol}//${url.host}`;
}

function parseHost(host: string | undefined): URL | undefined {
  return host === undefined ? undefined : parseOrigin(`http://${host}`);
}

function isHostAllowed(host: string | undefined, allowed: ReadonlySet<string>): boolean {
  const url = parseHost(host);
  if (url === undefined) return false;
  const isAddress = isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0;
  return isAddress || allowed.has(url.hostname) || allowed.has(url.host);
}

/** Whether a page came from this very server; its scheme is the page's, since a proxy may have ended TLS. */
function isOwnOrigin(origin: URL, host: string | undefined): boolean {
  if (origin.protocol !== "http:" && origin.protocol !== "https:") return false;
  return parseOrigin(`${origin.protocol}//${host ?? ""}`)?.host === origin.host;
}

function parseAllowedOrigin(entry: string): string {
  const url = parseOrigin(entry.replace(/\/$/, ""));
  if (url === undefined || entry.includes("*")) {
    throw new PlexlineError("INTERNAL", {
      message: `"${entry}" is not an origin.`,
      fix: "List origins as scheme, host and port only: https://app.example.com or http://localhost:5173.",
    });
  }
  return serialize(url);
}

function parseAllowedHost(entry: string): string {
  const url = parseHost(entry);
  if (url === undefined) {
    throw new PlexlineError("INTERNAL", {
      message: `"${entry}" is not a host name.`,
      fix: "List names with or without a port: app.example.com or app.example.com:8443.",
    });
  }
  // The ports that clients leave out of the Host header.
  return url.port === "443" ? url.hostname : url.host;
}
