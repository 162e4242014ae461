// The words of the shop. They are written in English where they are said, and another language has a file that gives
// each sentence in it; only the file of the language that is wanted is loaded. tests/tools/words.test.mjs sees to it
// that none is missing.
import { language, locale } from "../common/language.js";
import { late, number } from "../common/dom.js";

/** A sentence; where it counts something, in each form that the language has for that. */
type Said = string | Partial<Record<Intl.LDMLPluralRule, string>>;
interface Words { departments: Record<string, string>; sentences: Record<string, Said> }

const FILES: Record<string, () => Promise<{ default: Words }>> = { de: () => import("./words/de.json"), ar: () => import("./words/ar.json") };
const RULES = late(() => new Intl.PluralRules(locale));
const RIGHT_TO_LEFT = ["ar"];
/** Without its file a language is English. */
const words = await FILES[language]?.().then(({ default: come }) => come, () => undefined);
const rtl = words !== undefined && RIGHT_TO_LEFT.includes(language);
if (words) Object.assign(document.documentElement, { lang: language, dir: rtl ? "rtl" : "ltr" });

/** A sentence in the page's language, with what is named in its braces; `count` says which form it takes, and `one` is
 * the English one for a single thing. */
export function t(sentence: string, values: Record<string, string | number> = {}, one?: string): string {
  const form = typeof values.count === "number" ? RULES().select(values.count) : "other";
  const said = words?.sentences[sentence] ?? { one: one ?? sentence, other: sentence };
  return (typeof said === "string" ? said : said[form] ?? said.other!).replace(/{(\w+)}/g, (_, name: string) => {
    const value = values[name]!;
    // A name may run the other way: what is around it keeps its place.
    return typeof value === "number" ? number(value) : rtl ? `\u2068${value}\u2069` : value;
  });
}

/** Puts the words of the frame, which came in English, into the page's language. */
export function frame(): void {
  if (!words) return;
  const said = (text: string) => { const own = words.sentences[text.trim()]; return typeof own === "string" ? text.replace(text.trim(), () => own) : text; };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode() as Text | null);) text.data = said(text.data);
  for (const name of ["aria-label", "placeholder"])
    for (const one of document.querySelectorAll(`[${name}]`)) one.setAttribute(name, said(one.getAttribute(name)!));
}

// Titles are made readable when the catalog is imported; names of departments are keys, so they stay as the source has
// them, IN CAPITALS, and are put into words here.
const DEPARTMENTS: Record<string, string> = {
  "DRUG GM": "Drugstore and home", "MEAT-PCKGD": "Packaged meat", "SEAFOOD-PCKGD": "Packaged seafood", "DELI": "Deli",
  "CNTRL/STORE SUP": "Store supplies", "CHARITABLE CONT": "Charity", "PROD-WHS SALES": "Produce warehouse",
  "ELECT &PLUMBING": "Electrical and plumbing", "GM MERCH EXP": "General merchandise", "TRAVEL & LEISURE": "Travel and leisure",
  "PHOTO & VIDEO": "Photo and video", "COUPON": "Coupons", "NUTRITION": "Nutrition", "PASTRY": "Bakery",
};

/** A department's name. */
export function department(name: string): string {
  return words?.departments[name] ?? DEPARTMENTS[name] ?? name.charAt(0) + name.slice(1).toLowerCase();
}

export function brand(name: string): string {
  return name === "Private" ? t("Own brand") : name === "National" ? t("National brand") : name;
}

export function items(quantity: number): string {
  return t("{count} items", { count: quantity }, "{count} item");
}
