import type { ReadonlySignal } from "@preact/signals";
import { effect, signal } from "@preact/signals";

const RESTART_URL = "/playground/api/restart";
/** If nobody is connected to see the server come back, the button is free again after this. */
const WAIT_MAX_MS = 6_000;

export interface ServerRestart {
  /** `restarting` until one of the lines is connected anew. */
  readonly state: ReadonlySignal<"idle" | "restarting" | "failed">;
  ask(): void;
  close(): void;
}

/** A line to the server, as far as this needs it: each status is a new object. */
export interface RestartedLine {
  readonly status: ReadonlySignal<{ readonly state: string }>;
}

/** Restarts the development server on demand. All lines break, also those of other browsers. */
export function createServerRestart(lines: readonly RestartedLine[]): ServerRestart {
  const state = signal<"idle" | "restarting" | "failed">("idle");
  let stop = () => {};
  const watch = () => {
    const before = new Set(lines.map(({ status }) => status.peek()));
    const done = () => {
      stop();
      state.value = "idle";
    };
    const timer = setTimeout(done, WAIT_MAX_MS);
    // A status is a new object each time, also when the session is the same.
    const stopEffect = effect(() => {
      const back = lines.some(
        ({ status }) => status.value.state === "connected" && !before.has(status.value),
      );
      if (back) queueMicrotask(done);
    });
    stop = () => {
      clearTimeout(timer);
      stopEffect();
      stop = () => {};
    };
  };
  return {
    state,
    ask() {
      if (state.value === "restarting") return;
      state.value = "restarting";
      watch();
      fetch(RESTART_URL, { method: "POST", headers: { "content-type": "application/json" } }).then(
        (response) => response.ok || fail(),
        fail,
      );
    },
    close: () => stop(),
  };

  function fail(): void {
    stop();
    state.value = "failed";
  }
}
