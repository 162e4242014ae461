// The shop without a network: the page and what it loads are kept, so that a reload offline shows the cart. Pages
// come from the network first, what has a hash in its name from what is kept; nothing under /v1 comes by here.
declare const FILES: string[];
declare const VERSION: string;

interface Waits extends Event { waitUntil(work: Promise<unknown>): void }
interface Asked extends Waits { request: Request; respondWith(answer: Promise<Response>): void }
const worker = self as unknown as EventTarget & { skipWaiting(): Promise<void>; clients: { claim(): Promise<void> } };

const PREFIX = "evercart-shop-", CACHE = PREFIX + VERSION, SHELL = "/";
/** How long the network may take to bring a page, in milliseconds. */
const DEADLINE_MS = 4_000;
const PAGES = /^\/($|product\/|cart$|carts$|sign-in$)/;

worker.addEventListener("install", event => (event as Waits).waitUntil(keep()));
worker.addEventListener("activate", event => (event as Waits).waitUntil(take()));
worker.addEventListener("fetch", event => {
  const { request } = event as Asked, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && PAGES.test(url.pathname)) (event as Asked).respondWith(page(request));
  else if (url.pathname.startsWith("/assets/")) (event as Asked).respondWith(asset(request));
});

async function keep(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll([new Request(SHELL, { cache: "reload" }), ...FILES.map(file => new Request(file))]);
  await worker.skipWaiting();
}

async function take(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  await worker.clients.claim();
}

async function page(request: Request): Promise<Response> {
  try {
    const shown = await fetch(request, { signal: AbortSignal.timeout(DEADLINE_MS) });
    if (shown.status >= 500) throw new Error(`the service answers ${shown.status}`);
    return shown;
  } catch (error) {
    const kept = await caches.match(SHELL);
    if (kept) return kept;
    throw error;
  }
}

async function asset(request: Request): Promise<Response> {
  return await caches.match(request, { ignoreVary: true }) ?? fetch(request);
}
