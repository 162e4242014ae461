// The storefront: the frame around all pages, and which address is which page.
import { element } from "../common/dom.js";
import { browsePage, searchField } from "./browse.js";
import { cart } from "./cart.js";
import { CartView } from "./cart_view.js";
import { cartsPage } from "./carts.js";
import * as drawer from "./drawer.js";
import { icon } from "./icons.js";
import type { Page } from "./page.js";
import { productPage } from "./product.js";
import { current, onNavigate, start } from "./router.js";
import { signInPage } from "./sign_in.js";
import * as status from "./status.js";
import * as toast from "./toast.js";

const main = element("main", { id: "main", tabindex: -1 });
const search = searchField();
const link = (href: string, name: string, drawing: "devices" | "carts") =>
  element("a", { class: "button quiet", href, "aria-label": name }, icon(drawing), element("span", {}, name));

document.body.replaceChildren(
  element("a", { class: "button skip", href: "#main" }, "Skip to the content"),
  element("header", { class: "top" },
    element("a", { class: "brand", href: "/", "aria-label": "Evercart, home" }, icon("cart"), element("span", {}, "Evercart")),
    search.node,
    element("div", { class: "tools" }, status.statusPill, link("/carts", "Carts", "carts"), link("/sign-in", "Devices", "devices"), drawer.cartButton)),
  main,
  element("footer", { class: "soft small" },
    element("p", {}, "A demonstration: nothing is sold here. Products of ", element("cite", {}, "The Complete Journey"), " by 84.51°, in the public domain."),
    element("p", {}, element("a", { href: "/lab" }, "See carts merge in the lab"))));

function cartPage(): Page {
  const view = new CartView();
  return { title: "Your cart", node: element("article", { class: "whole-cart" }, element("h1", {}, "Your cart"), view.node), update: () => view.update() };
}

function route(url: URL): Page {
  const sku = /^\/product\/([^/]+)$/.exec(url.pathname)?.[1];
  if (sku) return productPage(decoded(sku));
  switch (url.pathname) {
    case "/cart": return cartPage();
    case "/carts": return cartsPage();
    case "/sign-in": return signInPage(url);
    default: return browsePage(url);
  }
}

function decoded(text: string): string {
  try { return decodeURIComponent(text); } catch { return text; }
}

function update(): void {
  current()?.update?.();
  drawer.update();
  toast.update();
}

onNavigate(url => search.follow(url));
start(main, route);
update();
status.update(true);
cart.subscribe(update);
cart.subscribeStatus(() => { status.update(); current()?.update?.(); });
addEventListener("hashchange", () => { if (location.pathname === "/sign-in" && location.hash) location.reload(); });
if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/sw.js").catch(() => {});
