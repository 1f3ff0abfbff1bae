export type Theme = "light" | "dark";

const dark = matchMedia("(prefers-color-scheme: dark)");

/** What the page shows: the choice on `<html data-theme>`, else the system's. */
export function themeNow(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
}

/** Shows the page in this theme whatever the system says, here and on the next visit. */
export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(STORED, theme);
}

/** Takes up the choice of an earlier visit. */
export function restoreTheme(): void {
  const stored = localStorage.getItem(STORED);
  if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
}

const STORED = "theme";

/** Calls back whenever the theme shown changes; returns the way to stop that. */
export function watchTheme(changed: (theme: Theme) => void): () => void {
  let shown = themeNow();
  const look = () => {
    if (themeNow() === shown) return;
    shown = themeNow();
    changed(shown);
  };
  const observer = new MutationObserver(look);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  dark.addEventListener("change", look);
  return () => {
    observer.disconnect();
    dark.removeEventListener("change", look);
  };
}

/** The value of a colour token as it is shown now, for what is not styled by CSS: the layers of a map. */
export function colourOf(token: `--${string}`): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
