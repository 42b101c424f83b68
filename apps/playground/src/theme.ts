import { signal } from "@preact/signals";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const STORAGE_KEY = "plexline.theme";

/** The chosen theme; `auto` follows the system. */
export const theme = signal<Theme>(parseTheme(readStored()));

/** Puts the chosen theme on the document; the style sheet does the rest. */
export function applyTheme(): void {
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  applyTheme();
  try {
    localStorage.setItem(STORAGE_KEY, chosen);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

export function parseTheme(stored: unknown): Theme {
  return THEMES.find((known) => known === stored) ?? "auto";
}

function readStored(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}
