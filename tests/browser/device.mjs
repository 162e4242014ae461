// Devices for the tests: a browser context each, with the package in a page of its own, against the Worker at URL.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { EVENTUALLY_MS, URL_, chrome, older, restore, serve, with_token } from "./chrome.mjs";

export { URL_, older };
export const BAGEL = "1095275", OTHER = "1082185";
export const DIST = new URL("../../crates/cart-client/package/dist", import.meta.url).pathname;
let server, browser;

before(async () => { server = await serve(DIST); browser = await chrome(); });
after(async () => { await browser?.close(); server?.close(); });

/** A device: a browser with no page yet. */
export const device = async options => {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(EVENTUALLY_MS);
  return context;
};
/** A page of a device that has the package at hand, and no cart. */
export async function blank(context) {
  const page = await context.newPage();
  page.on("pageerror", error => { throw error; });
  await page.goto(server.url);
  return page;
}
/** A page with a cart, `cart` in its scripts. */
export async function tab(context, options = {}) {
  const page = await blank(context);
  await open(page, options);
  return page;
}
export const open = (page, options) => page.evaluate(async options => {
  const { connect } = await import("/index.js");
  window.cart = await connect(options);
}, { url: URL_, ...options });
export const run = (page, code) => page.evaluate(code);
export const shown = (page, sku = BAGEL) => run(page, `cart.view.lines.find(line => line.sku === "${sku}")?.quantity ?? 0`);
export const until = (page, code) => page.waitForFunction(code, null, { timeout: EVENTUALLY_MS });
export const settled = page => until(page, "cart.status.online && cart.status.pending === 0 && !cart.view.partial");
export const equal = async (...pages) => {
  for (const page of pages) await run(page, "cart.refresh()");
  const digests = [];
  for (const page of pages) { await settled(page); digests.push(await run(page, "cart.inspect().digest")); }
  return new Set(digests).size === 1;
};
export async function eventually(check) {
  for (let turn = 0; turn < EVENTUALLY_MS / 250; turn++) { if (await check()) return; await new Promise(next => setTimeout(next, 250)); }
  assert.fail(`never: ${check}`);
}
/** What the service shows of the current cart. */
export const served = async token => (await fetch(`${URL_}/v1/carts/current`, { headers: { Authorization: `Bearer ${token}` } })).json();

/** Ends the process of a page. */
export async function crash(page) {
  const gone = new Promise(crashed => page.once("crash", crashed));
  page.goto("chrome://crash").catch(() => {});
  await gone;
  await page.close();
}
/** Makes the stored token older by so many milliseconds, and returns it. */
export async function age(page, ms, storage = "evercart") {
  const token = await older(await run(page, "cart.token()"), ms);
  await restore(page, with_token(token), storage);
  return token;
}

/** From now on waits for a better time are counted, and over at once: nothing else waits as long as seven tenths of their bounds. */
export const count_waits = page => page.evaluate(() => {
  const set = setTimeout, bounds = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000];
  window.waits = [];
  Math.random = () => .7;
  window.setTimeout = (work, ms, ...more) => {
    const bound = bounds.find(bound => Math.abs(bound * .7 - ms) < .01);
    if (bound) waits.push(bound);
    return set(work, bound ? 0 : ms, ...more);
  };
});
export async function waits_longer_and_longer(page) {
  await until(page, "waits.length >= 9");
  assert.deepEqual(await run(page, "waits.slice(0, 9)"), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
}
