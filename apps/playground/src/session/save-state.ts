/** Whether what the user wrote is durable on the server; from acks, never from hope. */
export type SaveState =
  | { readonly state: "saved" }
  | { readonly state: "saving"; readonly count: number }
  | { readonly state: "offline"; readonly count: number }
  | { readonly state: "unsaved"; readonly count: number };

export function saveStateOf(
  unsaved: { readonly sending: number; readonly failed: number },
  connected: boolean,
): SaveState {
  if (unsaved.sending > 0) return { state: connected ? "saving" : "offline", count: unsaved.sending };
  if (unsaved.failed > 0) return { state: "unsaved", count: unsaved.failed };
  return { state: "saved" };
}
