// A quantity with a button for less and one for more, and a field to type into. Taps that follow one another
// closely become one edit, shown at once. Taps are made as sums, so that those of other devices add to them; a
// typed number is meant as it is.
import { announce, asNumber, digits, element, number, set } from "../common/dom.js";
import { reason, waiting } from "./cart.js";
import { icon } from "./icons.js";
import { t } from "./words.js";

/** How long a tap waits for the next one, in milliseconds. */
const TOGETHER_MS = 400;
/** The largest quantity of a line. */
const QUANTITY_MAX = 9_999;

/** What is done when it is changed. */
export interface Edits {
  by(difference: number): Promise<unknown>;
  to(quantity: number): Promise<unknown>;
  remove(): void;
}

export class Stepper {
  readonly node: HTMLElement;
  readonly more: HTMLButtonElement;
  readonly refusal = element("p", { class: "refused", role: "alert" });
  private less: HTMLButtonElement;
  private field: HTMLInputElement;
  private quantity = 0;
  private taps = 0;
  private typed = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private name: string, private edits: Edits) {
    this.less = element("button", { type: "button", class: "step", click: () => this.tap(-1) });
    this.more = element("button", { type: "button", class: "step", "aria-label": t("One more: {name}", { name }), click: () => this.tap(1) }, icon("plus"));
    this.field = element("input", {
      class: "figures", inputmode: "numeric", autocomplete: "off", maxlength: 9, "aria-label": t("Quantity: {name}", { name }),
      input: () => { this.typed = true; clearTimeout(this.timer); this.taps = 0; waiting.add(this.make); },
      change: () => this.make(), focus: () => this.field.select(),
      keydown: (event: KeyboardEvent) => { if (event.key === "Enter") this.make(); },
    });
    this.node = element("div", { class: "stepper", role: "group", "aria-label": t("Quantity: {name}", { name }) }, this.less, this.field, this.more);
  }

  update(quantity: number): void {
    this.quantity = quantity;
    this.draw();
  }

  private draw(): void {
    const shown = this.quantity + this.taps;
    if (!this.typed) this.field.value = digits(shown);
    this.field.style.setProperty("--digits", String(this.field.value.length));
    const last = shown <= 1;
    if (last !== this.less.classList.contains("last") || !this.less.firstChild) {
      this.less.classList.toggle("last", last);
      this.less.replaceChildren(icon(last ? "bin" : "minus"));
    }
    set(this.less, "aria-label", last ? t("Remove: {name}", { name: this.name }) : t("One less: {name}", { name: this.name }));
    this.more.disabled = shown >= QUANTITY_MAX;
  }

  private tap(step: number): void {
    if (this.typed) this.make();
    this.taps += step;
    this.refusal.textContent = "";
    if (this.quantity + this.taps <= 0) return this.make();
    this.draw();
    waiting.add(this.make);
    clearTimeout(this.timer);
    this.timer = setTimeout(this.make, TOGETHER_MS);
  }

  /** Makes the edit of what was tapped or typed. */
  private make = (): void => {
    clearTimeout(this.timer);
    waiting.delete(this.make);
    const { taps, typed, quantity } = this;
    const wanted = typed ? asNumber(this.field.value) : quantity + taps;
    [this.taps, this.typed] = [0, false];
    // Enter was one already: what was said of it stays.
    if (!taps && !typed) return this.draw();
    if (typed && (!Number.isInteger(wanted) || wanted < 0)) {
      this.refusal.textContent = t("Type a number from {least} to {most}.", { least: 1, most: QUANTITY_MAX });
      return this.draw();
    }
    this.refusal.textContent = wanted > QUANTITY_MAX ? t("At most {most} can be bought at once: so many are in the cart now.", { most: QUANTITY_MAX }) : "";
    const most = Math.min(wanted, QUANTITY_MAX);
    if (most === quantity) return this.draw();
    if (most <= 0) return this.edits.remove();
    const made = typed || most < wanted ? this.edits.to(most) : this.edits.by(taps);
    announce(`${this.name}: ${number(most)}`);
    made.catch(error => { this.refusal.textContent = reason(error); }).finally(() => this.draw());
  };
}
