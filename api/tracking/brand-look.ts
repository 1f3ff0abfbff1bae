/** WCAG 2.2, 1.4.3: text against its ground. */
const CONTRAST_MIN = 4.5;
/** `--surface` of the design, light and dark. */
const GROUNDS = { light: "#ffffff", dark: "#171d21" } as const;
const INKS = { light: "#ffffff", dark: "#101417" } as const;
const STEPS = 40;

type Colour = readonly [red: number, green: number, blue: number];
export type Accent = { accent: string; ink: string };

/**
 * The colours of a brand as they can be read: the brand's own where it stands out from the ground enough, else the same
 * hue darker (on light ground) or lighter (on dark). `ink` is for text upon it.
 */
export function accentsOf(colour: string): { light: Accent; dark: Accent } {
  return { light: accentOn(GROUNDS.light, INKS.dark, colour), dark: accentOn(GROUNDS.dark, INKS.light, colour) };
}

function accentOn(ground: string, towards: string, colour: string): Accent {
  const [from, to] = [parse(colour), parse(towards)];
  for (let step = 0; ; step++) {
    const accent = from.map((part, index) =>
      Math.round(part + ((to[index]! - part) * step) / STEPS),
    ) as unknown as Colour;
    if (step < STEPS && contrast(accent, parse(ground)) < CONTRAST_MIN) continue;
    const inks = [INKS.light, INKS.dark].sort((a, b) => contrast(accent, parse(b)) - contrast(accent, parse(a)));
    return { accent: format(accent), ink: inks[0]! };
  }
}

/** WCAG 2.2, "contrast ratio": 1 to 21. */
export function contrastOf(a: string, b: string): number {
  return contrast(parse(a), parse(b));
}

function contrast(a: Colour, b: Colour): number {
  const [darker, lighter] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (lighter! + 0.05) / (darker! + 0.05);
}

function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function parse(colour: string): Colour {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as unknown as Colour;
}

function format(colour: Colour): string {
  return `#${colour.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
