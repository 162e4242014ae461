// All carts of the session: which one is open, another one, a new one.
import { announce, element, Rows, set, write } from "../common/dom.js";
import type { Listed } from "evercart";
import { cart, reason } from "./cart.js";
import { go } from "./router.js";
import type { Page } from "./page.js";
import { items } from "./words.js";

interface Named extends Listed { name: string }

export function cartsPage(): Page {
  const list = element("ul", { class: "carts" }), refusal = element("p", { class: "refused", role: "alert" });
  const create = element("button", { type: "button", class: "primary", click: () => void open(cart.create(), "A new cart is open.") }, "Start a new cart");
  let carts: Listed[] = [], left = false;

  async function load(): Promise<void> {
    try {
      carts = await cart.carts();
      if (!left) draw();
    } catch (error) { if (!left) { write(refusal, reason(error)); if (!carts.length && cart.view.cart_id) { carts = [{ cart_id: cart.view.cart_id, current: true }]; draw(); } } }
  }

  const rows = new Rows<Named>(list, ({ cart_id }) => `${cart_id} ${cart_id === cart.view.cart_id}`, ({ cart_id, name }) => {
    const shown = cart_id === cart.view.cart_id, about = element("p", { class: "soft small" });
    const node = element("li", { class: shown ? "shown" : "" },
      element("div", {}, element("h2", {}, name), about),
      shown ? element("a", { class: "button", href: "/cart" }, "Show it")
        : element("button", { type: "button", "aria-label": `Open ${name}`, click: () => void open(cart.switchTo(cart_id), `${name} is open.`) }, "Open"));
    return {
      node,
      update({ current, apart }) {
        const said = [shown ? `open here, ${items(cart.view.lines.reduce((sum, line) => sum + line.quantity, 0))}` : "", current ? "the newest: other devices open this one" : "",
          apart ? "of this device only: too large to join the others" : ""];
        write(about, said.filter(Boolean).join(" · ") || `Ends in ${cart_id.slice(-6)}`);
      },
    };
  });

  function draw(): void {
    rows.show(carts.map((one, at) => ({ ...one, name: `Cart ${(carts.length - at).toLocaleString()}` })));
  }

  async function open(opening: Promise<unknown>, said: string): Promise<void> {
    refusal.textContent = "";
    set(create, "disabled", true);
    try {
      await opening;
      go("/cart");
      announce(said);
    } catch (error) { write(refusal, reason(error)); } finally { set(create, "disabled", false); }
  }

  void load();
  return {
    title: "Carts",
    node: element("article", { class: "narrow" }, element("h1", {}, "Carts"),
      element("p", { class: "soft" }, "Keep things apart: one for the week, one for a party. Each is the same on all your devices."),
      list, refusal, create),
    update: () => { if (carts.length) draw(); },
    leave: () => { left = true; },
  };
}
