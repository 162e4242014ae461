// Addresses to pages, without loading: links are followed here, Back and Forward work, the focus goes to the
// heading of the new page, and its title is announced.
import { announce } from "../common/dom.js";
import { opened } from "./cart.js";
import type { Page } from "./page.js";

/** An address's page; null as long as that needs the cart, and the cart is not open. */
export type Route = (url: URL) => Page | null;

const NAME = "Evercart";
let routes: Route, main: HTMLElement, page: Page | undefined;
const changed = new Set<(url: URL) => void>();

export function start(into: HTMLElement, table: Route): void {
  [main, routes] = [into, table];
  history.scrollRestoration = "manual";
  document.addEventListener("click", follow);
  addEventListener("popstate", ({ state }) => show(true, (state as { scroll?: number } | null)?.scroll ?? 0));
  show(false, 0);
}

/** Calls with each new address. */
export function onNavigate(listener: (url: URL) => void): void { changed.add(listener); }

export function current(): Page | undefined { return page; }

/** Goes to an address of the shop. `within` a page: the focus stays, and so does, `instead`, the history. */
export function go(to: string, how?: "within" | "instead"): void {
  history.replaceState({ scroll: scrollY }, "");
  how === "instead" ? history.replaceState(null, "", to) : history.pushState(null, "", to);
  show(!how, 0);
}

function show(moved: boolean, scroll: number): void {
  const url = new URL(location.href);
  if (!page?.follow?.(url)) {
    const next = routes(url);
    if (!next) return void opened.then(() => show(moved, scroll));
    page?.leave?.();
    page = next;
    main.replaceChildren(page.node);
  }
  document.title = `${page.title} · ${NAME}`;
  for (const listener of changed) listener(url);
  if (!moved) return;
  scrollTo(0, scroll);
  const heading = main.querySelector<HTMLElement>("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
  announce(page.title);
}

function follow(event: MouseEvent): void {
  const link = (event.target as Element).closest<HTMLAnchorElement>("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname === location.pathname && link.search === location.search && link.hash) return;
  if (!/^\/($|product\/.|cart$|carts$|sign-in$)/.test(link.pathname)) return;
  event.preventDefault();
  go(link.href);
}
