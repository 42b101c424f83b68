/** The WebSocket address of a path on the page's own server. */
export function serverUrl(path: string, query: Readonly<Record<string, string>> = {}): string {
  const url = new URL(path, window.location.href);
  url.protocol = url.protocol.replace(/^http/, "ws");
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}
