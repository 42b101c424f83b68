import type { ServerRestart } from "../session/server-restart.ts";

const RESTART_TEXTS = {
  idle: "Restart server",
  restarting: "Restarting…",
  failed: "Restart failed: again?",
} as const;

/** Kills the development server at the press of a button, and tells when it is back. */
export function RestartButton({ restart }: { restart: ServerRestart }) {
  const state = restart.state.value;
  return (
    <button
      type="button"
      class="button restart"
      data-testid="restart"
      data-state={state}
      aria-disabled={state === "restarting"}
      title="Stops the development server without grace and starts it again. Every pane loses its connection."
      onClick={restart.ask}
    >
      {RESTART_TEXTS[state]}
    </button>
  );
}
