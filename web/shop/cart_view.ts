// The cart with all that can be done to it, for the drawer and for the page.
import type { EvercartError, Line } from "evercart";
import { announce, element, id, list, money, Rows, set, write, type Money, type Row } from "../common/dom.js";
import { cart, reason, waiting } from "./cart.js";
import { known, learn } from "./catalog.js";
import { icon } from "./icons.js";
import { named, price as priceOf, total as totalOf } from "./names.js";
import { address } from "./product.js";
import { Stepper } from "./stepper.js";
import { tile } from "./tile.js";
import { removed } from "./toast.js";
import { items, t } from "./words.js";

/** How long a note waits for the next key, in milliseconds. */
const WRITING_MS = 800;

export class CartView {
  readonly node: HTMLElement;
  private lines = element("ul", { class: "lines" });
  private saved = element("ul", { class: "lines" });
  private later = element("section", { class: "later", "aria-label": t("Saved for later") }, element("h2", {}, t("Saved for later")), this.saved);
  /** One line at all times: what comes and goes there moves nothing. */
  private state = element("p", { class: "state soft small" });
  private empty = element("div", { class: "empty" }, element("p", {}, t("Your cart is empty.")), element("a", { class: "button primary", href: "/" }, t("See all products")));
  private totals = new Totals();
  private coupons = new Coupons();
  private note = new Note();
  private sum = element("section", { class: "sum", "aria-label": t("Summary") }, this.coupons.node, this.note.node, this.totals.node);
  /** The total again, at the edge of what is seen, however long the cart is. The summary tells it to those who listen. */
  private amount = element("strong", { class: "price" });
  private counted = element("span", { class: "soft" });
  private bar = element("p", { class: "in-sight figures", "aria-hidden": "true" }, this.counted, this.amount);
  private rows = new Rows<Line>(this.lines, key, line => new InCart(line));
  private savedRows = new Rows<Line>(this.saved, key, line => new Saved(line));

  constructor() {
    this.node = element("div", { class: "cart" }, element("div", { class: "contents" }, element("h2", { class: "hidden" }, t("Items")), this.state, this.empty, this.lines, this.later), this.sum, this.bar);
    this.update();
  }

  update(): void {
    const { view } = cart;
    this.rows.show(view.lines);
    this.savedRows.show(view.saved);
    write(this.state, view.partial && cart.status.online ? t("Looking for changes made on your other devices …") : view.lines.length ? items(view.lines.reduce((sum, line) => sum + line.quantity, 0)) : "");
    set(this.empty, "hidden", view.lines.length > 0);
    set(this.lines, "hidden", !view.lines.length);
    set(this.later, "hidden", !view.saved.length);
    set(this.sum, "hidden", !view.lines.length && !view.coupons.length && !view.note);
    set(this.bar, "hidden", !view.lines.length);
    const { total, quantity } = sums();
    write(this.counted, t("Total, {items}", { items: items(quantity) }));
    write(this.amount, total ? money(total) : "");
    this.totals.update();
    this.coupons.update();
    this.note.update();
  }
}

/** A line is made anew once its name is known: all its labels have it. */
const key = (line: Line): string => `${line.line_id} ${named(line)}`;

const details = (line: Line): string =>
  list([line.variant ?? "", ...Object.entries(line.customization ?? {}).map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)].filter(Boolean));

const PROBLEMS = {
  not_for_sale: t("Not for sale any more. It is not counted in the total; you can keep it for later or remove it."),
  over_limit: t("More than can be bought at once, because several devices have added it. Set a smaller number."),
  price_unavailable: t("Its price is not known at present, and not in the total. It is in the cart all the same."),
};

/** What a line in the cart and one saved for later have in common. */
abstract class Shown implements Row<Line> {
  readonly node = element("li", { class: "line" });
  protected refusal = element("p", { class: "refused", role: "alert" });
  protected name = element("a");
  private meta = element("p", { class: "soft small" });
  private drawing = element("div", { class: "picture" });
  private problem = element("p", { class: "notice warn", hidden: true });
  protected words = element("div", { class: "words" }, element("h3", {}, this.name), this.meta);

  protected constructor(line: Line) {
    set(this.name, "href", address(line.sku));
    this.draw(line);
    learn(line.sku, () => this.draw(line));
    this.node.append(this.drawing, this.words);
  }

  private draw(line: Line): void {
    this.drawing.replaceChildren(tile(line.sku, known(line.sku)?.title ?? named(line), known(line.sku)?.category ?? ""));
  }

  protected end(): void { this.node.append(this.problem, this.refusal); }

  update(line: Line): void {
    write(this.name, named(line));
    const price = priceOf(line);
    write(this.meta, [details(line), price && t("{price} each", { price: money(price) }), line.pending && t("not sent yet")].filter(Boolean).join(" · "));
    set(this.problem, "hidden", !line.problem);
    write(this.problem, line.problem ? PROBLEMS[line.problem] : "");
  }

  protected async does(edit: Promise<unknown>, said: string): Promise<void> {
    this.refusal.textContent = "";
    try {
      announce(said);
      await edit;
    } catch (error) { this.refusal.textContent = reason(error); }
  }
}

class InCart extends Shown {
  private stepper: Stepper;
  private total = element("p", { class: "price total" });

  constructor(line: Line) {
    super(line);
    const name = named(line), at = line.line_id;
    this.stepper = new Stepper(name, {
      by: difference => difference > 0 ? cart.increment(at, difference) : cart.decrement(at, -difference),
      to: quantity => cart.setQuantity(at, quantity),
      remove: () => removed(name, at, cart.remove(at)),
    });
    this.node.append(this.stepper.node, this.total, element("div", { class: "actions" },
      element("button", { type: "button", class: "quiet", "aria-label": t("Save for later: {name}", { name }), click: () => { void this.does(cart.save(at), t("Saved for later: {name}", { name })); refocus(); } }, t("Save for later")),
      element("button", { type: "button", class: "quiet", "aria-label": t("Remove: {name}", { name }), click: () => removed(name, at, cart.remove(at)) }, t("Remove"))),
      this.stepper.refusal);
    this.end();
    this.update(line);
  }

  override update(line: Line): void {
    super.update(line);
    this.stepper?.update(line.quantity);
    const total = totalOf(line);
    write(this.total, total ? money(total) : "");
  }
}

class Saved extends Shown {
  private count = element("p", { class: "soft small figures" });

  constructor(line: Line) {
    super(line);
    const name = named(line), at = line.line_id;
    this.node.classList.add("put-by");
    this.words.append(this.count);
    this.node.append(element("div", { class: "actions" },
      element("button", { type: "button", "aria-label": t("Move to cart: {name}", { name }), click: () => { void this.does(cart.moveToCart(at), t("Moved to the cart: {name}", { name })); refocus(); } }, t("Move to cart")),
      element("button", { type: "button", class: "quiet", "aria-label": t("Remove: {name}", { name }), click: () => removed(name, at, cart.remove(at, "saved")) }, t("Remove"))));
    this.end();
    this.update(line);
  }

  override update(line: Line): void {
    super.update(line);
    write(this.count, items(line.quantity));
  }
}

/** The line has moved with the button that was pressed: the focus goes to the cart's heading. */
function refocus(): void {
  requestAnimationFrame(() => {
    if (document.activeElement && document.activeElement !== document.body && document.activeElement.tagName !== "DIALOG") return;
    const heading = (document.querySelector("dialog[open]") ?? document).querySelector<HTMLElement>("h1, h2");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus();
  });
}

/** The sums, with what is known here of prices that the service has not told; null while nothing has a price. */
export function sums(): { total: Money | null; subtotal: Money | null; quantity: number } {
  const { totals, lines } = cart.view;
  const own = lines.filter(line => !line.total).map(line => ({ line, total: totalOf(line) })).filter(({ total }) => total?.currency === totals.total.currency);
  const more = own.reduce((sum, { total }) => sum + total!.amount_minor, 0), quantity = totals.quantity + own.reduce((sum, { line }) => sum + line.quantity, 0);
  const plus = (money: Money): Money | null => quantity ? { ...money, amount_minor: money.amount_minor + more } : null;
  return { total: plus(totals.total), subtotal: plus(totals.subtotal), quantity };
}

class Totals {
  private list = element("dl", { class: "rows figures" });
  private left = element("p", { class: "soft small" });
  readonly node = element("div", { class: "totals" }, this.list, this.left);

  update(): void {
    const { totals, lines } = cart.view, { total, subtotal, quantity } = sums();
    const rows: [string, string][] = [];
    if (subtotal) rows.push([t("Subtotal, {items}", { items: items(quantity) }), money(subtotal)]);
    if (totals.discount.amount_minor) rows.push([t("Discount"), `−${money(totals.discount)}`]);
    if (total) rows.push([t("Total"), money(total)]);
    this.list.replaceChildren(...rows.flatMap(([name, amount]) => [element("dt", {}, name), element("dd", { class: "price" }, amount)]));
    const unknown = lines.filter(line => !totalOf(line) && !line.problem).reduce((sum, line) => sum + line.quantity, 0);
    const some = { count: unknown };
    write(this.left, !unknown ? "" : cart.status.online
      ? t("Without {count} items, whose price is being asked for.", some, "Without {count} item, whose price is being asked for.")
      : t("Without {count} items, to be priced when there is a connection.", some, "Without {count} item, to be priced when there is a connection."));
  }
}

class Coupons {
  private field = element("input", { id: id("coupon"), autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: 64 });
  private refusal = element("p", { class: "refused", role: "alert", id: id("coupon-refused") });
  private list = element("ul", { class: "coupons", "aria-label": t("Coupons in this cart") });
  /** What it does, as it is: a code that is kept is not a price that is lower. */
  private effect = element("p", { class: "effect soft small" });
  private rows = new Rows<string>(this.list, code => code, code => ({
    node: element("li", {}, element("span", {}, code),
      element("button", { type: "button", class: "quiet", "aria-label": t("Remove the coupon {code}", { code }), click: () => { void this.does(cart.removeCoupon(code), t("Coupon {code} removed", { code })); this.field.focus(); } }, icon("close"))),
    update() {},
  }));
  readonly node = element("form", { class: "coupon", submit: (event: Event) => { event.preventDefault(); this.apply(); } },
    element("label", { for: this.field.id }, t("Coupon code")),
    element("div", { class: "side" }, this.field, element("button", { type: "submit" }, t("Apply"))), this.refusal, this.list, this.effect);

  constructor() { set(this.field, "aria-describedby", this.refusal.id); }

  update(): void {
    this.rows.show(cart.view.coupons);
    const { coupons, totals } = cart.view;
    set(this.list, "hidden", !coupons.length);
    write(this.effect, coupons.length && !totals.discount.amount_minor ? t("Kept with the cart, on all your devices. It takes nothing off yet: this shop has no offers so far.") : "");
  }

  private apply(): void {
    const code = this.field.value.trim().toUpperCase();
    if (!code) return this.refuse(t("Type a code first."));
    if (cart.view.coupons.includes(code)) return this.refuse(t("{code} is in this cart already.", { code }));
    void this.does(cart.applyCoupon(code), t("Coupon {code} is kept with the cart", { code }));
  }

  private async does(edit: Promise<unknown>, said: string): Promise<void> {
    this.refuse("");
    try {
      await edit;
      this.field.value = "";
      announce(said);
    } catch (error) { this.refuse((error as EvercartError).code === "invalid_field" ? t("A code is 1 to 64 letters, digits and signs, without spaces.") : reason(error)); }
  }

  private refuse(why: string): void {
    write(this.refusal, why);
    set(this.field, "aria-invalid", why ? "true" : null);
  }
}

class Note {
  private field = element("textarea", { id: id("note"), rows: 2, maxlength: 2_000, placeholder: t("For whoever packs or delivers it") });
  private refusal = element("p", { class: "refused", role: "alert", id: id("note-refused") });
  private timer: ReturnType<typeof setTimeout> | undefined;
  private dirty = false;
  readonly node = element("div", { class: "note" }, element("label", { for: this.field.id }, t("Note")), this.field, this.refusal);

  constructor() {
    set(this.field, "aria-describedby", this.refusal.id);
    this.field.addEventListener("input", () => {
      this.dirty = true;
      waiting.add(this.write);
      clearTimeout(this.timer);
      this.timer = setTimeout(this.write, WRITING_MS);
    });
    this.field.addEventListener("change", this.write);
  }

  update(): void {
    if (!this.dirty && this.field.value !== (cart.view.note ?? "")) this.field.value = cart.view.note ?? "";
  }

  private write = (): void => {
    clearTimeout(this.timer);
    waiting.delete(this.write);
    if (!this.dirty) return;
    this.dirty = false;
    const note = this.field.value.trim() ? this.field.value : null;
    if (note === cart.view.note) return;
    this.refusal.textContent = "";
    cart.setNote(note).catch(error => { write(this.refusal, reason(error)); });
  };
}
