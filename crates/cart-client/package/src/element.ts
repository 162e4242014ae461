// <ever-cart url=".." storage=".." region="..">: the cart for pages without a framework. `element.cart` is the
// Cart once it is connected, which the event "connected" tells.
import { connect, type Cart, type Line, type Options } from "./index.js";
import { money } from "./money.js";

const STYLE = `:host{display:block;font:inherit;color:inherit}ul{list-style:none;margin:0;padding:0}li{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;padding-block:.5rem}
.name{flex:1 1 10rem}.total{font-variant-numeric:tabular-nums}button{font:inherit;min-inline-size:2.75rem;min-block-size:2.75rem}`;

export class EverCart extends HTMLElement {
  /** The cart, once connected. */
  cart: Cart | undefined;
  private root = this.attachShadow({ mode: "open" });
  private ends: (() => void)[] = [];
  /** Changes as it comes to a page and goes. */
  private stay = 0;

  async connectedCallback(): Promise<void> {
    const options: Options = {}, stay = ++this.stay;
    for (const name of ["url", "storage", "region", "token", "currency", "wasm"] as const) {
      const value = this.getAttribute(name);
      if (value) options[name] = value;
    }
    const cart = await connect(options);
    if (stay !== this.stay) return cart.close();
    this.cart = cart;
    this.ends = [cart.subscribe(() => this.draw()), cart.subscribeStatus(() => this.draw())];
    this.draw();
    this.dispatchEvent(new CustomEvent("connected", { detail: cart }));
  }

  disconnectedCallback(): void {
    this.stay++;
    this.ends.forEach(end => end());
    void this.cart?.close();
    this.cart = undefined;
  }

  private draw(): void {
    const { cart } = this;
    if (!cart) return;
    const { view, status } = cart;
    const focused = (this.root.activeElement as HTMLElement | null)?.dataset["key"];
    const style = make("style", STYLE);
    const list = make("ul");
    list.append(...view.lines.map(line => this.line(cart, line)));
    const said = status.lastError?.detail ?? (!status.online ? "Offline: changes are kept here." : status.pending ? "Saving…" : "");
    const state = make("p", said);
    state.setAttribute("role", "status");
    const total = make("p", view.lines.length ? money(view.totals.total) : "The cart is empty.");
    total.className = "total";
    this.root.replaceChildren(style, list, total, state);
    if (view.undo) this.root.append(this.button("undo", "Undo", "Undo the removal", () => cart.undo()));
    if (focused) this.root.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  private line(cart: Cart, line: Line): HTMLElement {
    const item = make("li");
    const name = line.title ?? line.sku;
    const title = make("span", name);
    title.className = "name";
    const total = make("span", line.total ? money(line.total) : line.problem ? "not for sale" : "");
    total.className = "total";
    const id = line.line_id;
    item.append(
      title,
      this.button(`- ${id}`, "−", `One less of ${name}`, () => cart.decrement(id)),
      make("span", line.quantity.toLocaleString()),
      this.button(`+ ${id}`, "+", `One more of ${name}`, () => cart.increment(id)),
      total,
      this.button(`x ${id}`, "×", `Remove ${name}`, () => cart.remove(id)),
    );
    return item;
  }

  private button(key: string, text: string, label: string, press: () => Promise<unknown>): HTMLElement {
    const button = make("button", text);
    button.dataset["key"] = key;
    button.setAttribute("aria-label", label);
    button.onclick = () => { press().catch(error => this.dispatchEvent(new CustomEvent("refused", { detail: error }))); };
    return button;
  }
}

function make(name: string, text = ""): HTMLElement {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

if (!customElements.get("ever-cart")) customElements.define("ever-cart", EverCart);
