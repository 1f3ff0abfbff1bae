import type { Texts } from "./texts.ts";
import { DE } from "./texts-de.ts";
import { EN } from "./texts-en.ts";
import { ES } from "./texts-es.ts";
import { FR } from "./texts-fr.ts";

/** The first is for everybody who asks for none of these. */
export const LANGUAGES: readonly Texts[] = [EN, DE, ES, FR];

/** Preferences of an `Accept-Language` that are looked at. */
const PREFERENCES_MAX = 20;

/** The texts that a browser likes best (RFC 9110, section 12.5.4); a regional variant counts as its language. */
export function textsFor(acceptLanguage: string | undefined): Texts {
  const asked = (acceptLanguage ?? "")
    .split(",", PREFERENCES_MAX)
    .map((range) => {
      const [name = "", ...parameters] = range.split(";");
      const quality = parameters.map((text) => /^\s*q=([\d.]+)\s*$/.exec(text)?.[1]).find((text) => text !== undefined);
      return {
        language: name.trim().toLowerCase().split("-", 1)[0],
        quality: quality === undefined ? 1 : Number(quality),
      };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
  for (const { language } of asked) {
    const texts = LANGUAGES.find((known) => known.language === language);
    if (texts !== undefined) return texts;
  }
  return LANGUAGES[0]!;
}
