import type { SaveState } from "../session/save-state.ts";

/** Whether everything this user wrote is durable. Not a live region: it changes with every word that is written. */
export function SaveStateBadge({ save }: { save: SaveState }) {
  return (
    <p class="badge" data-testid="save-state" data-state={save.state}>
      <i class="dot" data-state={save.state} />
      <span>{save.state === "unsaved" ? "not saved" : save.state}</span>
      {save.state !== "saved" && <span class="badge-detail">{detailOf(save)}</span>}
    </p>
  );
}

function detailOf(save: Exclude<SaveState, { state: "saved" }>): string {
  if (save.state === "saving") return `${save.count} on the way`;
  return save.state === "offline" ? `${save.count} waiting` : `${save.count} refused`;
}
