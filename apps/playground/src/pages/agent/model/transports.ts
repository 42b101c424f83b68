/** The ways on which a pane may read a run. */
export type Way = "native" | "websocket" | "sse" | "long-poll";

/** What each is called, and where it goes. */
export const WAYS: readonly { readonly way: Way; readonly name: string; readonly address: string }[] = [
  { way: "native", name: "Native", address: "/ws, plexline.v1" },
  { way: "websocket", name: "WebSocket", address: "/api/ws?type=agent" },
  { way: "sse", name: "SSE", address: "/api/stream" },
  { way: "long-poll", name: "Long-poll", address: "/api/stream?live=long-poll" },
];

/** The way that a pane chose before, kept for the tab's life. */
export function storedWay(storageKey: string, otherwise: Way): Way {
  try {
    const stored = sessionStorage.getItem(storageKey);
    return WAYS.find(({ way }) => way === stored)?.way ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function storeWay(storageKey: string, way: Way): void {
  try {
    sessionStorage.setItem(storageKey, way);
  } catch {
    // Storage may be forbidden; then a reload begins with the default.
  }
}
