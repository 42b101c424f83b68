import { chooseTheme, THEMES, theme } from "./theme.ts";

export function ThemeToggle() {
  return (
    <fieldset class="segmented theme-toggle" data-testid="theme">
      <legend class="visually-hidden">Theme</legend>
      {THEMES.map((choice) => (
        <label key={choice} class="segment">
          <input
            class="visually-hidden"
            type="radio"
            name="theme"
            value={choice}
            checked={theme.value === choice}
            onChange={() => chooseTheme(choice)}
          />
          <span>{choice}</span>
        </label>
      ))}
    </fieldset>
  );
}
