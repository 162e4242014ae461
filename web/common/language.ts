// Which language a page is in: what its address asks for (?lang=de, remembered from then on), else the first of the
// reader's own that there is, else English.

const KEPT = "evercart-language";
const THERE = ["en", "de", "ar"];

/** As `Intl` takes it: with the region where the reader names one, whose digits and signs may differ. */
export const locale = chosen();
export const language = base(locale);

function chosen(): string {
  let asked = new URLSearchParams(location.search).get("lang");
  try { asked === null ? asked = localStorage.getItem(KEPT) : localStorage.setItem(KEPT, asked); } catch { /* Then for this page alone. */ }
  const own = navigator.languages.flatMap(named).filter(tag => THERE.includes(base(tag)));
  if (!asked || !THERE.includes(asked)) return own[0] ?? "en";
  return own.find(tag => base(tag) === asked) ?? asked;
}

/** Some browsers say what their system calls a language ("en-US@posix"): `Intl` takes no such name. */
function named(tag: string): string[] {
  try { return Intl.getCanonicalLocales(tag.split("@")[0]); } catch { return []; }
}

function base(tag: string): string { return tag.split("-")[0]!; }
