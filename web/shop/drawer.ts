// The cart as a drawer over the page, and the button that opens it. A modal dialog: the browser keeps the focus
// inside, Escape closes it, and the focus goes back to where it was.
import { element, list, money, number, set, write } from "../common/dom.js";
import { cart, opened } from "./cart.js";
import { CartView, sums } from "./cart_view.js";
import { icon } from "./icons.js";
import { bring } from "./toast.js";
import { items, t } from "./words.js";

let view: CartView | undefined;
const content = element("div", { class: "content" });
const heading = element("h2", { tabindex: -1, id: "drawer-title" }, t("Your cart"));
const dialog = element("dialog", { class: "drawer", "aria-labelledby": "drawer-title" },
  element("div", { class: "bar" }, heading,
    element("a", { class: "button quiet", href: "/cart" }, t("Whole page")),
    element("button", { type: "button", class: "quiet", "aria-label": t("Close the cart"), click: () => dialog.close() }, icon("close"))),
  content);
dialog.addEventListener("click", event => {
  if (event.target === dialog || (event.target as Element).closest("a[href]")) dialog.close();
}, { capture: true });
dialog.addEventListener("close", () => { bring(); content.replaceChildren(); view = undefined; });

const count = element("span", { class: "count figures", "aria-hidden": "true" });
export const cartButton = element("button", { type: "button", class: "open-cart", "aria-haspopup": "dialog", "aria-label": t("Cart"), click: () => void opened.then(open) }, icon("cart"), element("span", { class: "word", "aria-hidden": "true" }, t("Cart")), " ", count);

function open(): void {
  if (location.pathname === "/cart") { document.querySelector<HTMLElement>("main h1")?.focus(); return; }
  if (!dialog.isConnected) document.body.append(dialog);
  view = new CartView();
  content.replaceChildren(view.node);
  dialog.showModal();
  bring();
  heading.focus();
}

export function update(): void {
  const { lines } = cart.view, { total } = sums();
  const quantity = lines.reduce((sum, line) => sum + line.quantity, 0);
  write(count, quantity ? number(quantity) : "");
  set(cartButton, "aria-label", quantity ? t("Cart: {what}", { what: list([items(quantity), ...total ? [money(total)] : []]) }) : t("Cart: empty"));
  view?.update();
}
