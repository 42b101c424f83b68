import type { Principal } from "../auth/principal.ts";

/** Whether somebody who knows a session's secret may have it: only the same identity may, whatever else has changed. */
export function mayResume(owner: Principal, claimant: Principal): boolean {
  return owner.id === claimant.id && owner.kind === claimant.kind && owner.tenant === claimant.tenant;
}
