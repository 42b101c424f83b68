import type { ConnectionStatus } from "@plexline/client";
import type { UserLine } from "../session/user-client.ts";
import { useNow } from "./use-now.ts";

/** The connection's state in one word, and what happens next. */
export function ConnectionBadge({ line }: { line: UserLine }) {
  const status = line.status.value;
  return (
    <p class="badge" data-testid="status" data-state={status.state}>
      <i class="dot" data-state={status.state} />
      <span role="status">{status.state}</span>
      <Detail status={status} />
    </p>
  );
}

function Detail({ status }: { status: ConnectionStatus }) {
  if (status.state === "disconnected" && status.retryAtMs !== undefined) {
    return <RetryCountdown retryAtMs={status.retryAtMs} />;
  }
  if (status.state === "connecting" && status.attempt > 1) {
    return <span class="badge-detail">try {status.attempt}</span>;
  }
  if (status.state === "connected" && status.resumed) return <span class="badge-detail">resumed</span>;
  return null;
}

/** Outside the live region: a screen reader hears the state, not every tenth of a second. */
function RetryCountdown({ retryAtMs }: { retryAtMs: number }) {
  const leftMs = Math.max(0, retryAtMs - useNow(100));
  return <span class="badge-detail">retry in {(leftMs / 1_000).toFixed(1)} s</span>;
}
