import { SaveStateBadge } from "../pane/save-state-badge.tsx";
import type { Delivery, DocumentLine } from "./document-line.ts";

/** The connection's state in one word. */
export function LineBadge({ line }: { line: Pick<DocumentLine, "status"> }) {
  const { state } = line.status.value;
  return (
    <p class="badge" data-testid="status" data-state={state}>
      <i class="dot" data-state={state} />
      <span role="status">{state}</span>
    </p>
  );
}

/** What became of the user's edits. */
export function DeliveryBadge({ delivery }: { delivery: Delivery }) {
  if (delivery.state !== "sent") return <SaveStateBadge save={delivery} />;
  return (
    <p
      class="badge"
      data-testid="save-state"
      data-state="sent"
      title="This wire acknowledges nothing: an edit that is not refused was taken."
    >
      <i class="dot" />
      <span>sent</span>
    </p>
  );
}
