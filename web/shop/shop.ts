// The storefront: the frame around all pages, and which address is which page.
import { element } from "../common/dom.js";
import { browsePage, searchField } from "./browse.js";
import { cart, isOpen, opened, reason } from "./cart.js";
import { CartView } from "./cart_view.js";
import { cartsPage } from "./carts.js";
import * as drawer from "./drawer.js";
import type { Page } from "./page.js";
import { productPage } from "./product.js";
import { current, onNavigate, start } from "./router.js";
import { signInPage } from "./sign_in.js";
import { make } from "./early.js";
import * as names from "./names.js";
import * as news from "./news.js";
import * as status from "./status.js";
import * as toast from "./toast.js";
import { frame, t } from "./words.js";

/** The frame comes with the page: what needs a script takes its place there. */
const at = <T extends HTMLElement = HTMLElement>(selector: string): T => document.querySelector<T>(selector)!;
frame();
const search = searchField(at<HTMLFormElement>(".search"));
at(".status").replaceWith(status.statusPill);
at(".open-cart").replaceWith(drawer.cartButton);

function cartPage(): Page {
  const view = new CartView();
  return { title: t("Your cart"), node: element("article", { class: "whole-cart" }, element("h1", {}, t("Your cart")), view.node), update: () => view.update() };
}

function gonePage(): Page {
  const title = t("There is nothing here");
  return { title, node: element("article", { class: "empty" }, element("h1", {}, title),
    element("p", {}, t("Perhaps it is not sold any more, or the address is not quite right.")), element("a", { class: "button", href: "/" }, t("See all products"))) };
}

function route(url: URL): Page | null {
  const sku = /^\/product\/([^/]+)$/.exec(url.pathname)?.[1];
  if (sku) return productPage(decoded(sku));
  if (["/cart", "/carts", "/sign-in"].includes(url.pathname) && !isOpen()) return null;
  switch (url.pathname) {
    case "/cart": return cartPage();
    case "/carts": return cartsPage();
    case "/sign-in": return signInPage(url);
    case "/": return browsePage(url);
    default: return gonePage();
  }
}

function decoded(text: string): string {
  try { return decodeURIComponent(text); } catch { return text; }
}

function update(): void {
  current()?.update?.();
  drawer.update();
  toast.update();
  news.update();
  names.keep();
}

onNavigate(url => search.follow(url));
start(at("main"), route);
addEventListener("hashchange", () => { if (location.pathname === "/sign-in" && location.hash) location.reload(); });
if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/sw.js").catch(() => {});
try {
  names.recall();
  void make(await opened).catch(error => { toast.tell(reason(error)); });
  update();
  status.update(true);
  cart.subscribe(update);
  cart.subscribeStatus(() => { status.update(); current()?.update?.(); });
} catch (error) {
  // What was put into it meanwhile waits for a reload.
  status.fail();
  throw error;
}
