/** Bundlers put the value here; elsewhere there may be no `process`. */
declare const process: { readonly env: { readonly NEXT_PUBLIC_USE_WEBSOCKET?: string } };

/**
 * The application's flag `NEXT_PUBLIC_USE_WEBSOCKET`: true for `true`, false for `false`, else undefined, which leaves it to the
 * server's policy. Next.js replaces the expression when it builds, so that it works in the browser.
 *
 * @example
 * createRunReader({ url, sessionId, useWebSocket: useWebSocketFlag() });
 */
export function useWebSocketFlag(): boolean | undefined {
  try {
    return parseFlag(process.env.NEXT_PUBLIC_USE_WEBSOCKET);
  } catch {
    // A page that no bundler has looked at has no `process`.
    return undefined;
  }
}

function parseFlag(text: string | undefined): boolean | undefined {
  if (text === "true") return true;
  return text === "false" ? false : undefined;
}
