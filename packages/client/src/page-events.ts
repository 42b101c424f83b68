/** What of a page's global scope is listened to; absent outside of browsers. */
export interface PageScope {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
  readonly document?: {
    readonly visibilityState: string;
    addEventListener(type: string, listener: () => void): void;
    removeEventListener(type: string, listener: () => void): void;
  };
}

/**
 * Calls `onWake` when waiting for a timer would be silly: the network is back, the page is shown again, or it
 * returns from the back-forward cache. Returns what stops it.
 */
export function watchPage(
  onWake: () => void,
  page: PageScope = globalThis as unknown as PageScope,
): () => void {
  const { document } = page;
  const onVisibility = (): void => {
    if (document?.visibilityState === "visible") onWake();
  };
  page.addEventListener?.("online", onWake);
  page.addEventListener?.("pageshow", onWake);
  document?.addEventListener("visibilitychange", onVisibility);
  return () => {
    page.removeEventListener?.("online", onWake);
    page.removeEventListener?.("pageshow", onWake);
    document?.removeEventListener("visibilitychange", onVisibility);
  };
}
