import { signal } from "@preact/signals";

/** The address after `#`, as parameters: `#room=lobby` names the page (by its key) and its subject. */
export const hash = signal(readHash());

window.addEventListener("hashchange", () => {
  hash.value = readHash();
});

function readHash(): URLSearchParams {
  return new URLSearchParams(window.location.hash.slice(1));
}

/** Goes to a page's subject; the browser's Back returns. */
export function goTo(hashKey: string, subject: string): void {
  window.location.hash = new URLSearchParams([[hashKey, subject]]).toString();
}
