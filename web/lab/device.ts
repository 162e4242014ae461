// A device on the stage: the cart as its shopper has it, all that can be done with it, and its own faults.
import type { Cart } from "evercart";
import type { Actors } from "./actors.js";
import { contents, standing, type Row } from "./card.js";
import { count, element, redraw } from "./dom.js";
import { letter, name, SKUS } from "./products.js";
import type { Replica } from "./replica.js";
import { PLACES, REGIONS, type Region } from "./service.js";

const MINUTE_MS = 60_000;
const CLOCKS: [label: string, ms: number][] = [
  ["is right", 0], ["10 minutes slow", -10 * MINUTE_MS], ["10 minutes fast", 10 * MINUTE_MS], ["a day slow", -1_440 * MINUTE_MS], ["20 years fast", 20 * 525_600 * MINUTE_MS],
];

/** What a card asks of the stage. */
export interface Does {
  act(replica: Replica, said: string, work: () => Promise<unknown>): void;
  connect(replica: Replica, online: boolean): void;
  move(replica: Replica, region: Region): void;
  skew(replica: Replica, ms: number): void;
  remove(replica: Replica): void;
  canRemove(): boolean;
  /** Whether a play acts: then nobody else does. */
  played(): boolean;
}

export class DeviceCard {
  readonly root = element("article", { class: "card device" });
  private more = false;
  constructor(readonly replica: Replica, private actors: Actors, private does: Does) {
    this.root.dataset["name"] = replica.spec.name;
    this.root.setAttribute("aria-label", this.title);
  }

  private get title(): string { return this.replica.spec.name === "guest" ? "The guest’s device" : `Device ${this.replica.spec.name}`; }

  draw(): void {
    const { replica } = this, { spec, online } = replica;
    const pending = replica.status.pending;
    this.root.classList.toggle("off", !online);
    this.root.dataset["digest"] = replica.digest;
    redraw(this.root, [
      element("header", {},
        element("h3", {}, this.title, spec.owner !== undefined && element("small", {}, ` ${spec.owner}`)),
        element("button", { type: "button", role: "switch", class: "switch", "aria-checked": String(online), "data-key": "online", disabled: this.does.played(), click: () => this.does.connect(replica, !online) }, element("span", { class: "sr" }, `${this.title}: `), online ? "connected" : "cut off")),
      element("p", { class: "state" },
        pending ? `${count(pending)} ${pending === 1 ? "change" : "changes"} not sent` : online ? replica.rests ? "in step with its region" : "talking to its region …" : "cut off, nothing unsent",
        replica.skewMs !== 0 && element("span", { class: "clock" }, ` · clock ${wrong(replica.skewMs)}`)),
      ...contents(replica, this.actors, this.does.played() ? undefined : this.edits),
      ...this.does.played() ? [] : [this.adds(), this.rest()],
      standing(replica, this.actors),
    ]);
  }

  /** Another after a move to another region. */
  private get cart(): Cart { return this.replica.cart; }

  private act(said: string, work: () => Promise<unknown>): void { this.does.act(this.replica, said, work); }

  /** `text` is seen and begins what is heard, or is a sign, and then only `label` is heard. */
  private button(key: string, text: string, label: string, press: () => void): HTMLButtonElement {
    const heard = label.startsWith(text) ? label.slice(text.length) : label;
    return element("button", { type: "button", "data-key": key, click: press },
      heard === label ? element("span", { "aria-hidden": "true" }, text) : text, element("span", { class: "sr" }, `${heard}, ${this.title}`));
  }

  private edits = (row: Row): Node => {
    const at = row.saved ? "saved" : "cart", id = row.line_id, key = `${id} ${at}`, what = name(row.sku);
    const field = element("input", { type: "number", min: 0, max: 9999, value: row.quantity, inputmode: "numeric", "data-key": `set ${key}`, "aria-label": `Quantity of ${what}, ${this.title}` });
    field.addEventListener("change", () => this.act(`sets ${what} to ${field.value}`, () => this.cart.setQuantity(id, Number(field.value), at)));
    return element("div", { class: "edits" },
      this.button(`- ${key}`, "−", `One less of ${what}`, () => this.act(`takes one ${what} off`, () => this.cart.decrement(id, 1, at))),
      field,
      this.button(`+ ${key}`, "+", `One more of ${what}`, () => this.act(`adds one ${what}`, () => this.cart.increment(id, 1, at))),
      row.saved ? this.button(`b ${key}`, "Back", `Back to the cart with ${what}`, () => this.act(`moves ${what} back to the cart`, () => this.cart.moveToCart(id)))
        : this.button(`s ${key}`, "Save", `Save ${what} for later`, () => this.act(`saves ${what} for later`, () => this.cart.save(id))),
      this.button(`x ${key}`, "×", `Remove ${what}`, () => this.act(`removes ${what}`, () => this.cart.remove(id, at))));
  };

  private adds(): HTMLElement {
    return element("div", { class: "adds" }, ...Object.values(SKUS).map(sku =>
      element("button", { type: "button", "data-key": `add ${sku}`, click: () => this.act(`adds one ${name(sku)}`, () => this.cart.add(sku, 1)) },
        element("span", { class: "letter notation", "aria-hidden": "true" }, letter(sku)), element("span", { class: "sr" }, "Add "), element("span", { "aria-hidden": "true" }, "+"), name(sku), element("span", { class: "sr" }, `, ${this.title}`))));
  }

  /** What is wanted less often. */
  private rest(): HTMLElement {
    const { replica } = this;
    const field = (key: string, label: string, said: (text: string) => string, work: (text: string) => Promise<unknown>) => {
      const input = element("input", { name: key, "data-key": key, autocomplete: "off", "aria-label": `${label}, ${this.title}`, placeholder: label });
      return element("form", { submit: (event: Event) => { event.preventDefault(); const text = input.value; input.value = ""; if (text) this.act(said(text), () => work(text)); } }, input, element("button", { "data-key": `${key} set` }, "Set", element("span", { class: "sr" }, ` the ${key}, ${this.title}`)));
    };
    const choose = (key: string, label: string, options: [string, string][], chosen: string, pick: (value: string) => void) => {
      const select = element("select", { "data-key": key, "aria-label": `${label}, ${this.title}` }, ...options.map(([text, value]) => element("option", { value, selected: value === chosen }, text)));
      select.addEventListener("change", () => pick(select.value));
      return element("label", {}, element("span", { "aria-hidden": "true" }, label), select);
    };
    const clocks = CLOCKS.map(([label, ms]) => [label, String(ms)] as [string, string]);
    if (!CLOCKS.some(([, ms]) => ms === replica.skewMs)) clocks.push([wrong(replica.skewMs), String(replica.skewMs)]);
    const details = element("details", { open: this.more },
      element("summary", { "data-key": "more" }, "Region, clock, note, coupon …"),
      choose("region", "Region", REGIONS.map(region => [PLACES[region], region]), replica.spec.region, value => this.does.move(replica, value as Region)),
      choose("clock", "Clock", clocks, String(replica.skewMs), value => this.does.skew(replica, Number(value))),
      field("note", "Note", text => `notes “${text}”`, text => this.cart.setNote(text)),
      field("coupon", "Coupon", text => `applies coupon ${text}`, text => this.cart.applyCoupon(text)),
      element("div", { class: "edits" },
        ...replica.view.coupons.map(code => this.button(`coupon ${code}`, `Remove coupon ${code}`, `Remove coupon ${code}`, () => this.act(`removes coupon ${code}`, () => this.cart.removeCoupon(code)))),
        this.button("clear", "Clear the cart", "Clear the cart", () => this.act("clears the cart", () => this.cart.clear())),
        this.does.canRemove() && this.button("gone", "Remove the device", "Remove the device", () => this.does.remove(replica))));
    details.addEventListener("toggle", () => { this.more = details.open; });
    return details;
  }
}

/** "70 minutes fast" */
export function wrong(ms: number): string {
  const known = CLOCKS.find(([, there]) => there === ms);
  if (known) return known[0];
  const seconds = Math.round(Math.abs(ms) / 1000), side = ms < 0 ? "slow" : "fast";
  return seconds < 120 ? `${count(seconds)} s ${side}` : `${count(Math.round(seconds / 60))} minutes ${side}`;
}
