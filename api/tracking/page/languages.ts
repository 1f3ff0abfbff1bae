import type { Texts } from "./texts.ts";
import { DE } from "./texts-de.ts";
import { EN } from "./texts-en.ts";
import { ES } from "./texts-es.ts";
import { FR } from "./texts-fr.ts";

/** The first is for everybody who asks for none of these. */
export const LANGUAGES: readonly Texts[] = [EN, DE, ES, FR];

/** Preferences of an `Accept-Language` that are looked at. */
const PREFERENCES_MAX = 20;

const RANGE = /^([a-z]{2,3})(?:-[a-z]{2})?$/i;

/** What a page is written in: the texts, and how dates and times are written (`en-GB`). */
export type Language = { texts: Texts; locale: string };

/** What a browser likes best (RFC 9110, section 12.5.4); a regional variant counts as its language. */
export function languageFor(acceptLanguage: string | undefined): Language {
  const asked = (acceptLanguage ?? "")
    .split(",", PREFERENCES_MAX)
    .map((range) => {
      const [name = "", ...parameters] = range.split(";");
      const quality = parameters.map((text) => /^\s*q=([\d.]+)\s*$/.exec(text)?.[1]).find((text) => text !== undefined);
      return { locale: name.trim(), quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
  for (const { locale } of asked) {
    const language = RANGE.exec(locale)?.[1]?.toLowerCase();
    const texts = LANGUAGES.find((known) => known.language === language);
    if (texts !== undefined) return { texts, locale };
  }
  return { texts: LANGUAGES[0]!, locale: LANGUAGES[0]!.language };
}
