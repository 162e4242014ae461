// The catalog as the service tells it. What was seen is remembered, so that the cart can name it offline.
import type { Money } from "../common/dom.js";

export interface Product { sku: string; title: string; brand: string; category: string; package_size: string | null; unit_price: Money | null }
export interface Page { products: Product[]; next_cursor: string | null; categories?: Category[] }
export interface Category { name: string; products: number }

const DEADLINE_MS = 10_000;
const seen = new Map<string, Product>();
let all: Promise<Category[]> | undefined;

/** A product that was seen earlier; what the service has told since is newer. */
export function remember(product: Product): void { if (!seen.has(product.sku)) seen.set(product.sku, { ...product }); }

export const known = (sku: string): Product | undefined => seen.get(sku);

/** A page of products; `null` if there is no such product. */
export async function page(asked: { q?: string; category?: string; cursor?: string; size?: number }, signal?: AbortSignal): Promise<Page> {
  const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value).map(([name, value]) => [name, String(value)]));
  const found = await ask<Page>(`/v1/products?${query}`, signal);
  for (const product of found!.products) seen.set(product.sku, product);
  if (found!.categories) all = Promise.resolve(found!.categories);
  return found!;
}

export async function product(sku: string): Promise<Product | null> {
  const found = await ask<Product>(`/v1/products/${encodeURIComponent(sku)}`);
  if (found) seen.set(sku, found);
  return found;
}

const learning = new Map<string, Promise<unknown>>();

/** Asks once for a product that was not seen here; comes about when it was answered, or could not be. */
export function learned(sku: string): Promise<unknown> {
  if (seen.has(sku)) return Promise.resolve();
  let asked = learning.get(sku);
  if (!asked) learning.set(sku, asked = product(sku).catch(() => { learning.delete(sku); }));
  return asked;
}

/** The same, and calls when it has been seen now. */
export function learn(sku: string, done: () => void): void {
  if (!seen.has(sku)) void learned(sku).then(() => { if (seen.has(sku)) done(); });
}

/** The departments, the largest first. */
export function categories(): Promise<Category[]> {
  return all ??= page({}).then(found => found.categories ?? []).catch(error => { all = undefined; throw error; });
}

async function ask<T>(path: string, signal?: AbortSignal): Promise<T | null> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  // As the page has asked for it already, where it has: see `ahead` of pages.mjs.
  const response = await fetch(path, { signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`the catalog answered ${response.status}`);
  return response.json() as Promise<T>;
}
