// The shop without a network: the page and what it loads are kept, so that a reload offline shows the cart. Pages
// come from the network first, what has a hash in its name from what is kept; nothing under /v1 comes by here.
declare const FILES: string[];
declare const VERSION: string;

interface Waits extends Event { waitUntil(work: Promise<unknown>): void }
interface Asked extends Waits { request: Request; respondWith(answer: Promise<Response>): void }
const worker = self as unknown as EventTarget & { skipWaiting(): Promise<void>; clients: { claim(): Promise<void> } };

const PREFIX = "evercart-shop-", CACHE = PREFIX + VERSION;
/** How long the network may take to bring a page, in milliseconds. */
const DEADLINE_MS = 4_000;
/** Which page is kept for which addresses. */
const PAGES: [RegExp, string][] = [[/^\/$/, "/"], [/^\/product\/.*/, "/pages/product"], [/^\/(?:cart|carts|sign-in)$/, "/pages$&"]];

worker.addEventListener("install", event => (event as Waits).waitUntil(keep()));
worker.addEventListener("activate", event => (event as Waits).waitUntil(take()));
worker.addEventListener("fetch", event => {
  const { request } = event as Asked, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  const kept = request.mode === "navigate" && PAGES.find(([address]) => address.test(url.pathname));
  if (kept) (event as Asked).respondWith(page(request, url.pathname.replace(...kept)));
  else if (url.pathname.startsWith("/assets/")) (event as Asked).respondWith(asset(request));
});

async function keep(): Promise<void> {
  const cache = await caches.open(CACHE);
  const shells = ["/", ...["product", "cart", "carts", "sign-in"].map(name => `/pages/${name}`)];
  await cache.addAll([...shells.map(shell => new Request(shell, { cache: "reload" })), ...FILES.map(file => new Request(file))]);
  await worker.skipWaiting();
}

async function take(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  await worker.clients.claim();
}

async function page(request: Request, shell: string): Promise<Response> {
  try {
    const shown = await fetch(request, { signal: AbortSignal.timeout(DEADLINE_MS) });
    if (shown.status >= 500) throw new Error(`the service answers ${shown.status}`);
    return shown;
  } catch (error) {
    const kept = await caches.match(shell);
    if (kept) return kept;
    throw error;
  }
}

async function asset(request: Request): Promise<Response> {
  return await caches.match(request, { ignoreVary: true }) ?? fetch(request);
}
