// <ever-cart>: the cart for pages without a framework. Its attributes, events and parts are described in README.md.
import { connect, EvercartError, type Cart, type Line, type View } from "./index.js";
import { money } from "./money.js";

const STYLE = `:host{display:block;font:inherit;color:inherit}:host([hidden]){display:none}ul{list-style:none;margin:0;padding:0}li{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;padding-block:.5rem}
.name{flex:1 1 10rem}.detail{display:block;font-size:.875em;overflow-wrap:anywhere}.total{font-variant-numeric:tabular-nums}button{font:inherit;min-inline-size:2.75rem;min-block-size:2.75rem}`;

/** What `<ever-cart>` reads when it comes to a page. All may be left out: see `Options`. */
export interface EverCartAttributes {
  /** The service's origin; the page's if not given. */
  url?: string;
  /** A session's token; else the stored one, else a new guest's. */
  token?: string;
  /** The currency of a cart that names none. */
  currency?: string;
  /** The name of the database. */
  storage?: string;
  /** Where the Wasm is. */
  wasm?: string;
  /** In development: the region to talk to. */
  region?: string;
}
const ATTRIBUTES = ["url", "token", "currency", "storage", "wasm", "region"] as const;

/** What `<ever-cart>` says. None bubbles. */
export interface EverCartEvents {
  /** The cart is there. */
  connected: CustomEvent<Cart>;
  /** It shows something else. */
  changed: CustomEvent<View>;
  /** What a button does was refused. */
  refused: CustomEvent<EvercartError>;
  /** There will be no cart: the Wasm is missing, say. The element shows why. */
  failed: CustomEvent<EvercartError>;
}

// A server has no elements, and may import this all the same.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

export class EverCart extends Base {
  /** The cart, once connected. */
  cart: Cart | undefined;
  private root = this.attachShadow({ mode: "open" });
  private ends: (() => void)[] = [];
  /** Changes as it comes to a page and goes. */
  private stay = 0;

  constructor() {
    super();
    // Not a style element, which a page's Content-Security-Policy may forbid.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.root.adoptedStyleSheets = [sheet];
  }

  async connectedCallback(): Promise<void> {
    const options: EverCartAttributes = {}, stay = ++this.stay;
    for (const name of ATTRIBUTES) {
      const value = this.getAttribute(name);
      if (value) options[name] = value;
    }
    try {
      const cart = await connect(options);
      if (stay !== this.stay) return cart.close();
      this.cart = cart;
    } catch (error) {
      if (stay === this.stay) this.fail(error);
      return;
    }
    const { cart } = this;
    this.ends = [cart.subscribe(view => { this.draw(); this.tell("changed", view); }), cart.subscribeStatus(() => this.draw())];
    this.draw();
    this.tell("connected", cart);
  }

  disconnectedCallback(): void {
    this.stay++;
    this.ends.splice(0).forEach(end => end());
    void this.cart?.close();
    this.cart = undefined;
  }

  private tell(name: keyof EverCartEvents, detail: unknown): void { this.dispatchEvent(new CustomEvent(name, { detail })); }

  private fail(error: unknown): void {
    const said = make("p", "error", "The cart cannot be shown here.");
    said.setAttribute("role", "alert");
    said.append(make("span", "detail", error instanceof EvercartError ? error.detail : String(error)));
    this.root.replaceChildren(said);
    this.tell("failed", error);
  }

  private draw(): void {
    const { cart } = this;
    if (!cart) return;
    const { view, status } = cart;
    const focused = (this.root.activeElement as HTMLElement | null)?.dataset["key"];
    const list = make("ul", "lines");
    list.append(...view.lines.map(line => this.line(cart, line)));
    const said = status.lastError?.detail ?? (!status.online ? "Offline: changes are kept here." : status.pending ? "Saving…" : "");
    const state = make("p", "status", said);
    state.setAttribute("role", "status");
    this.root.replaceChildren(list, make("p", "total", view.lines.length ? money(view.totals.total) : "The cart is empty."), state);
    if (view.undo) this.root.append(this.button("undo", "undo", "Undo", "Undo the removal", () => cart.undo()));
    if (focused) this.root.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  private line(cart: Cart, line: Line): HTMLElement {
    const item = make("li", "line"), id = line.line_id, details = details_of(line);
    const title = make("span", "name", line.title ?? line.sku);
    for (const detail of details) title.append(make("span", "detail", detail));
    const name = [line.title ?? line.sku, ...details].join(", ");
    item.append(
      title,
      this.button("less", `- ${id}`, "−", `One less of ${name}`, () => cart.decrement(id)),
      make("span", "quantity", line.quantity.toLocaleString()),
      this.button("more", `+ ${id}`, "+", `One more of ${name}`, () => cart.increment(id)),
      make("span", "total", line.total ? money(line.total) : line.problem ? "not for sale" : ""),
      this.button("remove", `x ${id}`, "×", `Remove ${name}`, () => cart.remove(id)),
    );
    return item;
  }

  private button(part: string, key: string, text: string, label: string, press: () => Promise<unknown>): HTMLElement {
    const button = make("button", part, text);
    button.part.add("button");
    button.dataset["key"] = key;
    button.setAttribute("aria-label", label);
    button.onclick = () => { press().catch(error => this.tell("refused", error)); };
    return button;
  }
}

/** An element; its part is its class. */
function make(name: string, part: string, text = ""): HTMLElement {
  const element = document.createElement(name);
  element.className = part;
  element.part.add(part);
  element.textContent = text;
  return element;
}

/** What tells a line from others of its product. */
function details_of({ variant, customization }: Line): string[] {
  const said = (value: unknown) => typeof value === "string" ? value : JSON.stringify(value);
  return [...(variant ? [variant] : []), ...Object.entries(customization ?? {}).map(([name, value]) => `${name}: ${said(value)}`)];
}

if (globalThis.customElements && !customElements.get("ever-cart")) customElements.define("ever-cart", EverCart);

declare global {
  interface HTMLElementTagNameMap { "ever-cart": EverCart }
}
export interface EverCart {
  addEventListener<Name extends keyof EverCartEvents>(
    name: Name, listener: (this: EverCart, event: EverCartEvents[Name]) => void, options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(name: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}
