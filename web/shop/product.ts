// A product: as a card in a list, as a page, and the control that puts it into the cart.
import { announce, element, money, Rows, set, write, type Row } from "../common/dom.js";
import { cart, isOpen, plain, reason } from "./cart.js";
import { known, page as ask, product as find, type Product } from "./catalog.js";
import { early, want } from "./early.js";
import { icon } from "./icons.js";
import type { Page } from "./page.js";
import { Stepper } from "./stepper.js";
import { tile } from "./tile.js";
import { removed } from "./toast.js";
import { brand, department, t } from "./words.js";

/** How many more of its department a product's page shows. */
const MORE = 5;
/** How many cards stand in for those that are not known yet: more than a screen shows. */
const PLACES = 24;
/** How many cards are made at once. */
const AT_ONCE = 6;

/** A button to add a product, or the stepper of its line. */
export class Buy {
  readonly node = element("div", { class: "buy" });
  private add: HTMLButtonElement | undefined;
  private stepper: Stepper | undefined;
  private refusal = element("p", { class: "refused", role: "alert" });

  constructor(private product: Product) {
    if (!product.unit_price) this.node.append(element("p", { class: "soft small" }, t("Not for sale at present")));
    else this.update();
  }

  update(): void {
    if (!this.product.unit_price) return;
    const line = plain(this.product.sku);
    const focused = this.node.contains(document.activeElement);
    if (line) {
      if (!this.stepper) {
        const { title, sku } = this.product, id = line.line_id;
        this.stepper = new Stepper(title, {
          by: difference => difference > 0 ? cart.increment(id, difference) : cart.decrement(id, -difference),
          to: quantity => cart.setQuantity(id, quantity),
          remove: () => { if (plain(sku)) removed(title, id, cart.remove(id)); },
        });
        this.add = undefined;
        this.node.replaceChildren(this.stepper.node, this.stepper.refusal);
        if (focused) this.stepper.more.focus();
      }
      this.stepper.update(line.quantity);
    } else if (!this.add) {
      this.stepper = undefined;
      this.add = element("button", { type: "button", class: "primary", "aria-label": t("Add to cart: {name}", { name: this.product.title }), click: () => void this.put() }, icon("plus"), t("Add"));
      this.node.replaceChildren(this.add, this.refusal);
      if (!isOpen()) this.wait();
      if (focused) this.add.focus();
    }
  }

  /** How many wait for the cart. */
  private wait(): void {
    const count = early(this.product.sku);
    if (count) this.add?.lastChild!.replaceWith(t("{count} added", { count }));
  }

  private async put(): Promise<void> {
    this.refusal.textContent = "";
    announce(t("Added to the cart: {name}", { name: this.product.title }));
    if (!isOpen()) {
      want(this.product.sku);
      return this.wait();
    }
    try { await cart.add(this.product.sku, 1, { product: this.product }); } catch (error) { this.refusal.textContent = reason(error); }
  }
}

/** The room of a word that is to come. */
export const blank = (kind = ""): HTMLElement => element("i", { class: `blank ${kind}`.trim() });

/** A list of cards. */
export class Cards {
  readonly node = element("ul", { class: "cards" });
  private buys = new Map<string, Buy>();
  private rest: ReturnType<typeof setTimeout> | undefined;
  private rows = new Rows<Product>(this.node, product => product.sku, product => this.card(product));

  /** The room of cards that are to come. */
  wait(count = PLACES): void {
    this.show([]);
    set(this.node, "data-waits", true);
    this.node.append(...Array.from({ length: count }, () => element("li", { class: "card waits", "aria-hidden": "true" }, element("span", { class: "picture" }),
      element("div", { class: "words" }, blank(), blank(), blank()), element("div", { class: "foot" }, blank(), blank("round")))));
  }
  /** Where there is room for them, some at a time: no press waits for those that are not seen yet. */
  show(products: readonly Product[]): void {
    clearTimeout(this.rest);
    const places = [...this.node.querySelectorAll(".waits")], made = products.filter(({ sku }) => this.buys.has(sku)).length;
    const now = places.length ? products.slice(0, made + AT_ONCE) : products, all = now.length === products.length;
    for (const place of all ? places : places.slice(0, now.length - made)) place.remove();
    this.rows.show(now);
    if (all) set(this.node, "data-waits", null);
    else this.rest = setTimeout(() => this.show(products));
    const shown = new Set(products.map(product => product.sku));
    for (const sku of this.buys.keys()) if (!shown.has(sku)) this.buys.delete(sku);
  }
  update(): void { for (const buy of this.buys.values()) buy.update(); }

  private card(product: Product): Row<Product> {
    const buy = new Buy(product);
    this.buys.set(product.sku, buy);
    const node = element("li", { class: "card" },
      element("a", { class: "picture", href: address(product.sku), tabindex: -1, "aria-hidden": "true" }, tile(product.sku, product.title, product.category)),
      element("div", { class: "words" },
        element("h3", {}, element("a", { href: address(product.sku) }, product.title)),
        element("p", { class: "soft small" }, `${department(product.category)} · ${brand(product.brand)}`)),
      element("div", { class: "foot" }, product.unit_price && element("p", { class: "price" }, money(product.unit_price)), buy.node));
    return { node, update() {} };
  }
}

export const address = (sku: string): string => `/product/${encodeURIComponent(sku)}`;

/** A product's page. */
export function productPage(sku: string): Page {
  // As the page that came from the server calls it, until the catalog has answered here.
  const heading = element("h1", {}, known(sku)?.title ?? document.querySelector(`[data-sku="${CSS.escape(sku)}"] h1`)?.textContent ?? t("Product")), body = element("div", { class: "product" });
  const more = new Cards();
  const others = element("section", { class: "others", hidden: true }, element("h2"), more.node);
  const page: Page = { title: heading.textContent!, node: element("article", { class: "whole-product" }, body, others), update: () => { buy?.update(); more.update(); } };
  let buy: Buy | undefined, left = false;
  page.leave = () => { left = true; };
  const load = async () => {
    body.replaceChildren(element("div", { class: "picture waits" }), element("div", { class: "facts waits" }, blank(), heading, blank(), blank(), blank(), blank()));
    try {
      const found = await find(sku);
      if (left) return;
      if (!found) return say(t("There is no such product"), t("Perhaps it is not sold any more."), element("a", { class: "button", href: "/" }, t("See all products")));
      write(heading, found.title);
      page.title = found.title;
      document.title = `${found.title} · Evercart`;
      buy = new Buy(found);
      body.replaceChildren(
        element("div", { class: "picture" }, tile(found.sku, found.title, found.category)),
        element("div", { class: "facts" },
          element("p", { class: "small" }, element("a", { href: `/?category=${encodeURIComponent(found.category)}` }, department(found.category))),
          heading,
          found.unit_price && element("p", { class: "price large" }, money(found.unit_price)),
          buy.node,
          element("dl", { class: "rows" },
            ...found.package_size ? [element("dt", {}, t("Size")), element("dd", {}, element("bdi", {}, found.package_size.toLowerCase()))] : [],
            element("dt", {}, t("Brand")), element("dd", {}, brand(found.brand)),
            element("dt", {}, t("Number")), element("dd", { class: "figures" }, found.sku)),
          element("p", { class: "soft small" }, t("The catalog has no photographs: the picture is drawn."))));
      write(others.querySelector("h2")!, t("More from {department}", { department: department(found.category) }));
      set(others, "hidden", false);
      more.wait(MORE);
      const like = (await ask({ category: found.category, cursor: after(found.sku), size: MORE })).products;
      if (left) return;
      set(others, "hidden", !like.length);
      more.show(like);
    } catch { set(others, "hidden", true); if (!buy && !left) say(t("The product cannot be shown"), t("The catalog does not answer. Your cart works all the same."), element("button", { type: "button", click: () => void load() }, t("Try again"))); }
  };
  const say = (title: string, text: string, action: HTMLElement) => {
    write(heading, title);
    set(others, "hidden", true);
    body.replaceChildren(element("div", { class: "empty" }, heading, element("p", {}, text), action));
  };
  void load();
  return page;
}

/** The cursor that begins after a product. */
const after = (sku: string): string => btoa(sku).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
