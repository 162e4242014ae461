// The catalog as a page: departments, search as one types, more upon a press. The address says what is shown.
import { announce, element, number, set, write } from "../common/dom.js";
import { categories, page as ask, type Category, type Product } from "./catalog.js";
import type { Page } from "./page.js";
import { blank, Cards } from "./product.js";
import { go } from "./router.js";
import { department, t } from "./words.js";

/** How long a key waits for the next one, in milliseconds. */
const TYPING_MS = 250;
/** How many departments stand in for those that are not known yet. */
const PLACES = 12;

interface Shown { q: string; category: string; products: Product[]; next: string | null }
/** The lists seen before, so that Back shows what was left. */
const lists = new Map<string, Shown>();

export function browsePage(url: URL): Page {
  const heading = element("h1"), cards = new Cards(), note = element("p", { class: "soft" });
  const more = element("button", { type: "button", hidden: true, click: () => void load(true) }, t("Show more"));
  const again = element("button", { type: "button", hidden: true, click: () => void load(false) }, t("Try again"));
  const nav = element("nav", { class: "departments", "aria-label": t("Departments") }, element("ul", {}, ...Array.from({ length: PLACES }, () => element("li", { class: "waits", "aria-hidden": "true" }, blank()))));
  const found = element("section", { class: "found", id: "found", tabindex: -1 }, element("div", { class: "head" }, heading, note), element("h2", { class: "hidden" }, t("Products")), cards.node, element("div", { class: "more" }, more, again));
  const skip = element("a", { class: "button skip", href: "#found", click: (event: Event) => { event.preventDefault(); found.focus(); } }, t("Skip the departments"));
  const node = element("div", { class: "browse" }, skip, nav, found);
  let list: Shown = { q: "", category: "", products: [], next: null };
  let asking: AbortController | undefined;
  const left = new AbortController();

  const page: Page = {
    title: "", node,
    update: () => cards.update(),
    leave() { asking?.abort(); left.abort(); },
    follow(url) {
      if (url.pathname !== "/") return false;
      show(url);
      return true;
    },
  };

  function show(url: URL): void {
    const q = (url.searchParams.get("q") ?? "").trim(), category = url.searchParams.get("category") ?? "";
    const kept = lists.get(key(q, category));
    asking?.abort();
    list = kept ?? { q, category, products: [], next: null };
    page.title = q && category ? t("“{q}” in {department}", { q, department: department(category) }) : q ? t("“{q}”", { q }) : category ? department(category) : t("All products");
    write(heading, page.title);
    mark();
    draw();
    if (!kept) { cards.wait(); void load(false); }
  }

  async function load(further: boolean): Promise<void> {
    asking?.abort();
    const { signal } = asking = new AbortController();
    const mine = list;
    set(node, "aria-busy", "true");
    set(again, "hidden", true);
    if (!further) write(note, t("Looking …"));
    try {
      const cursor = further ? mine.next : null;
      const found = await ask({ q: mine.q, category: mine.category, ...cursor ? { cursor } : {} }, signal);
      mine.products = further ? [...mine.products, ...found.products] : found.products;
      mine.next = found.next_cursor;
      lists.set(key(mine.q, mine.category), mine);
      draw();
      announce(further ? t("{count} more products", { count: found.products.length }) : said(mine));
      // After the cards, in a turn of their own.
      const { categories } = found;
      if (categories) setTimeout(() => departments(categories));
    } catch {
      if (signal.aborted) return;
      cards.show(mine.products);
      write(note, t("The catalog does not answer. Your cart works all the same."));
      set(again, "hidden", false);
      set(more, "hidden", true);
      announce(note.textContent!);
    } finally { if (!signal.aborted) set(node, "aria-busy", null); }
  }

  function draw(): void {
    cards.show(list.products);
    set(more, "hidden", list.next === null);
    write(note, lists.has(key(list.q, list.category)) ? said(list) : "");
  }

  let links: { link: HTMLAnchorElement; name: string }[] = [];
  function departments(all: Category[]): void {
    if (links.length) return;
    links = ["", ...all.map(({ name }) => name)].map(name => ({
      name, link: element("a", { href: name ? `/?category=${encodeURIComponent(name)}` : "/" },
        name ? department(name) : t("All products"),
        element("span", { class: "figures soft", "aria-hidden": "true" }, number(name ? all.find(one => one.name === name)!.products : all.reduce((sum, one) => sum + one.products, 0)))),
    }));
    nav.replaceChildren(element("ul", {}, ...links.map(({ link }) => element("li", {}, link))));
    mark();
  }

  function mark(): void {
    for (const { link, name } of links) set(link, "aria-current", name === list.category ? "page" : null);
    // Where all else is laid out: asked for here, it would be so once more.
    requestAnimationFrame(() => {
      if (nav.scrollWidth > nav.clientWidth) nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    });
  }

  addEventListener("online", () => { if (!again.hidden) void load(false); }, { signal: left.signal });
  show(url);
  void categories().then(departments, () => {});
  return page;
}

/** The field of the header: what is typed is looked for at once, wherever the shopper is. */
export function searchField(node: HTMLFormElement): { follow(url: URL): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const field = node.querySelector("input")!;
  const search = (entered: boolean) => {
    clearTimeout(timer);
    const here = new URL(location.href), q = field.value.trim();
    if (here.pathname === "/" && (here.searchParams.get("q") ?? "") === q) return;
    const category = here.pathname === "/" ? here.searchParams.get("category") : null;
    const query = new URLSearchParams({ ...q ? { q } : {}, ...category ? { category } : {} });
    const to = query.size ? `/?${query}` : "/";
    // A search that goes on keeps its place in the history.
    go(to, entered ? undefined : here.pathname === "/" && here.searchParams.get("q") ? "instead" : "within");
  };
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => search(false), TYPING_MS); });
  node.addEventListener("submit", event => { event.preventDefault(); search(true); });
  return {
    follow(url) {
      if (document.activeElement !== field) field.value = url.pathname === "/" ? url.searchParams.get("q") ?? "" : "";
    },
  };
}

function said({ q, products, next }: Shown): string {
  if (!products.length) return q ? t("Nothing in the catalog has all these words. Try fewer, or shorter ones.") : t("There is nothing here.");
  const count = products.length;
  return next ? t("The first {count} products", { count }) : t("{count} products", { count }, "One product");
}

const key = (q: string, category: string): string => JSON.stringify([q, category]);
