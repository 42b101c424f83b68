import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PlexlineError } from "@plexline/protocol";
import type { Endpoint } from "@plexline/server";
import { SESSION_COOKIE } from "@plexline/server";
import { signToken } from "./sign.ts";

/** Where `vite build` puts the page. */
const DIRECTORY = fileURLToPath(new URL("../../../apps/playground/dist", import.meta.url));
const BASE = "/playground";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".map": "application/json",
};

const CONTENT_SECURITY_POLICY =
  // The editor makes its style sheets at run time; scripts stay the page's own files.
  "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/** Longest life of a token that the page may ask for. */
const TOKEN_SECONDS_MAX = 24 * 3_600;
const BODY_BYTES_MAX = 4_096;
/** Time for the answer to a restart to leave before its server goes. */
const RESTART_DELAY_MS = 100;

/**
 * The page that shows the running product, with the two things it needs besides the product itself: tokens for its made-up
 * users, and a restart of the server at the press of a button. Whoever reaches it can be anybody, so only `plexline dev` serves it.
 */
export async function createPlayground(secret: string, restart: () => void): Promise<Endpoint[]> {
  const files = await readFiles();
  return [
    { path: "/", onRequest: () => redirect(`${BASE}/`) },
    { path: BASE, onRequest: () => redirect(`${BASE}/`) },
    { path: `${BASE}/`, onRequest: (request) => serveFile(files, "index.html", request, secret) },
    {
      path: `${BASE}/*`,
      onRequest: (request, { params }) => serveFile(files, params["*"] ?? "", request, secret),
    },
    { path: `${BASE}/api/token`, onRequest: (request) => issueToken(request, secret) },
    { path: `${BASE}/api/restart`, onRequest: (request) => acceptRestart(request, restart) },
  ];
}

async function readFiles(): Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  let entries: { name: string; parentPath: string }[] = [];
  try {
    entries = (await readdir(DIRECTORY, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  for (const { name, parentPath } of entries) {
    const path = join(parentPath, name);
    files.set(path.slice(DIRECTORY.length + 1).replaceAll("\\", "/"), Uint8Array.from(await readFile(path)));
  }
  return files;
}

function redirect(location: string): Response {
  return new Response(null, { status: 302, headers: { Location: location } });
}

function serveFile(
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  name: string,
  request: Request,
  secret: string,
): Response {
  const body = files.get(name);
  if (!body) {
    return new Response(
      files.size === 0 ? "The playground has not been built. Run: npm run build\n" : "Not found.\n",
      {
        status: 404,
      },
    );
  }
  const isPage = name.endsWith(".html");
  const headers = new Headers({
    "Content-Type": TYPES[extname(name)] ?? "application/octet-stream",
    // Names below assets/ hold a hash of the content; the others stay the same from build to build.
    "Cache-Control": name.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  });
  if (isPage && !(request.headers.get("cookie") ?? "").includes(`${SESSION_COOKIE}=`)) {
    headers.append("Set-Cookie", guestCookie(secret));
  }
  return new Response(request.method === "HEAD" ? null : body, { headers });
}

/** A browser that opens the page gets a session of its own, for whatever on this server looks for a cookie. */
function guestCookie(secret: string): string {
  const id = `guest-${crypto.randomUUID().slice(0, 8)}`;
  const token = signToken(
    { sub: id, name: "Guest", exp: Math.floor(Date.now() / 1000) + TOKEN_SECONDS_MAX },
    secret,
  );
  return `${SESSION_COOKIE}=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${TOKEN_SECONDS_MAX}`;
}

function acceptRestart(request: Request, restart: () => void): Response {
  if (request.method !== "POST") return refusal(405, "Only POST is served here.", "POST without a body.");
  // A page of another site could send this request too, but not with a type that is asked about first.
  if (request.headers.get("content-type") !== "application/json")
    return refusal(415, "The Content-Type must be application/json.", "Set the header.");
  // The answer leaves first.
  setTimeout(restart, RESTART_DELAY_MS);
  return Response.json({ restarting: true }, { status: 202 });
}

async function issueToken(request: Request, secret: string): Promise<Response> {
  if (request.method !== "POST")
    return refusal(405, "Only POST is served here.", "POST { user, name } as JSON.");
  const text = await request.text();
  const asked = text.length > BODY_BYTES_MAX ? undefined : parseRequest(text);
  if (!asked) {
    return refusal(
      400,
      "The body must be { user, name?, expiresInSeconds? }.",
      "Send JSON; user has 1 to 64 characters.",
    );
  }
  const exp = Math.floor(Date.now() / 1000) + asked.expiresInSeconds;
  // Its users are colleagues: each may edit what another one has opened.
  const token = signToken(
    { sub: asked.user, exp, role: "EDITOR", ...(asked.name === undefined ? {} : { name: asked.name }) },
    secret,
  );
  return Response.json({ token, expiresAtMs: exp * 1000 }, { headers: { "Cache-Control": "no-store" } });
}

function parseRequest(text: string): { user: string; name?: string; expiresInSeconds: number } | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof body !== "object" || body === null) return undefined;
  const { user, name, expiresInSeconds = 3_600 } = body as Record<string, unknown>;
  if (typeof user !== "string" || !/^[\w.@-]{1,64}$/.test(user)) return undefined;
  if (name !== undefined && (typeof name !== "string" || name.length > 64)) return undefined;
  if (
    typeof expiresInSeconds !== "number" ||
    !(expiresInSeconds >= 1 && expiresInSeconds <= TOKEN_SECONDS_MAX)
  ) {
    return undefined;
  }
  return { user, expiresInSeconds: Math.floor(expiresInSeconds), ...(name === undefined ? {} : { name }) };
}

function refusal(status: number, message: string, fix: string): Response {
  return Response.json(
    { error: new PlexlineError("PAYLOAD_INVALID", { message, fix }).toBody() },
    { status },
  );
}
