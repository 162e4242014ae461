// Amounts as people read them. How many digits a minor unit has is ISO 4217's to say: `Intl` says how many are shown
// by custom, which of some currencies are fewer.
import type { Money } from "./types.js";

/** The currencies whose minor unit is not a hundredth, by its digits. */
const DIGITS: Record<number, string> = {
  0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
  3: "BHD IQD JOD KWD LYD OMR TND",
  4: "CLF UYW",
};

/** How many digits the minor unit of a currency has. */
export function digits(currency: string): number {
  return Number(Object.keys(DIGITS).find(count => DIGITS[Number(count)]!.includes(currency)) ?? 2);
}

const FORMATS = new Map<string, Intl.NumberFormat>();

/** A format takes longer to make than a list of prices to write. */
function format(locale: string | undefined, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify([locale, options]);
  return FORMATS.get(key) ?? FORMATS.set(key, new Intl.NumberFormat(locale, options)).get(key)!;
}

/** An amount as a reader of this language writes it, or as the page's reader does. */
export function money({ amount_minor, currency }: Money, locale?: string): string {
  const count = digits(currency), unit = 10 ** count;
  // Whole amounts as is the custom; of others no part is left out.
  const all = amount_minor % unit ? { minimumFractionDigits: count, maximumFractionDigits: count } : {};
  const text = format(locale, { style: "currency", currency, ...all }).format(amount_minor / unit);
  // From right to left the sign of "US$" would go to the other side of its letters.
  return text.replace(/^(\u200f.*[A-Z]\p{Sc})$/u, "$1\u200e");
}
