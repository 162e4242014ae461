// All carts of the session: which one is open, another one, a new one.
import { announce, element, Rows, set, write } from "../common/dom.js";
import type { Listed } from "evercart";
import { cart, reason } from "./cart.js";
import { go } from "./router.js";
import type { Page } from "./page.js";
import { items, t } from "./words.js";

interface Named extends Listed { name: string }

export function cartsPage(): Page {
  const list = element("ul", { class: "carts" }), refusal = element("p", { class: "refused", role: "alert" });
  const create = element("button", { type: "button", class: "primary", click: () => void open(cart.create(), t("A new cart is open.")) }, t("Start a new cart"));
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
      shown ? element("a", { class: "button", href: "/cart" }, t("Show it"))
        : element("button", { type: "button", "aria-label": t("Open {name}", { name }), click: () => void open(cart.switchTo(cart_id), t("{name} is open.", { name })) }, t("Open")));
    return {
      node,
      update({ current, apart }) {
        const said = [shown ? t("open here, {items}", { items: items(cart.view.lines.reduce((sum, line) => sum + line.quantity, 0)) }) : "", current ? t("the newest: other devices open this one") : "",
          apart ? t("of this device only: too large to join the others") : ""];
        write(about, said.filter(Boolean).join(" · ") || t("Ends in {end}", { end: cart_id.slice(-6) }));
      },
    };
  });

  function draw(): void {
    rows.show(carts.map((one, at) => ({ ...one, name: t("Cart {number}", { number: carts.length - at }) })));
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
    title: t("Carts"),
    node: element("article", { class: "narrow" }, element("h1", {}, t("Carts")),
      element("p", { class: "soft" }, t("Keep things apart: one for the week, one for a party. Each is the same on all your devices.")),
      list, refusal, create),
    update: () => { if (carts.length) draw(); },
    leave: () => { left = true; },
  };
}
