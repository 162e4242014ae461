// Pages of plain HTTP: browsers have no Web Locks there, and all that tabs promise each other holds all the same. In a
// real Chromium, against the real Worker at URL.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { BAGEL, DIST, OTHER, URL_, device, eventually, run, served, settled, shown, until } from "./device.mjs";

const SERVICE = `http://shop.test:${new URL(URL_).port || 80}`;
const TYPES = { js: "text/javascript", wasm: "application/wasm" };

/** A device for which the service serves the package as well. Its pages are the service's own: those of an insecure
 * place elsewhere may call nothing on this machine. */
async function plain() {
  const context = await device({ bypassCSP: true });
  await context.route(`${SERVICE}/test/**`, async route => {
    const name = new URL(route.request().url()).pathname.slice("/test/".length);
    return route.fulfill({ body: await readFile(`${DIST}/${name}`), contentType: TYPES[name.split(".")[1]] });
  });
  return context;
}
const connect = page => page.evaluate(async url => {
  const { connect } = await import("/test/index.js");
  window.cart = await connect({ url });
}, SERVICE);
async function tab(context) {
  const page = await context.newPage();
  page.on("pageerror", error => { throw error; });
  await page.goto(`${SERVICE}/healthz`);
  assert.equal(await run(page, "isSecureContext || typeof navigator.locks"), "undefined");
  await connect(page);
  return page;
}
const actor = page => run(page, "cart.inspect().actor");

test("on plain HTTP a tab that a page opens has an actor of its own, and both count", async () => {
  const context = await plain(), page = await tab(context);
  await run(page, `cart.add("${BAGEL}", 1)`);
  await settled(page);
  const opening = context.waitForEvent("page");
  await run(page, "void window.open(location.href)");
  const opened = await opening;
  await opened.waitForLoadState();
  assert.equal(await run(opened, "sessionStorage.length"), await run(page, "sessionStorage.length"), "what the page remembers goes along");
  await connect(opened);
  for (const each of [page, opened]) await run(each, "cart.setOnline(false)");
  await Promise.all([page, opened].map(each => run(each, `cart.add("${BAGEL}", 1)`)));
  for (const each of [page, opened]) await until(each, `cart.view.lines[0].quantity === 3`);
  for (const each of [page, opened]) await run(each, "cart.setOnline(true)");
  for (const each of [page, opened]) await settled(each);
  assert.notEqual(await actor(page), await actor(opened));
  assert.equal((await served(await run(page, "cart.token()"))).lines[0].quantity, 3);
  await context.close();
});

test("on plain HTTP first tabs are one guest, and what each added is there when they are opened again", async () => {
  const context = await plain();
  await context.route("**/v1/**", route => route.abort());
  const tabs = [await tab(context), await tab(context), await tab(context)];
  for (const each of tabs) await run(each, `cart.add("${BAGEL}", 2)`);
  await context.unroute("**/v1/**");
  for (const each of tabs) await run(each, "cart.refresh()");
  for (const each of tabs) await until(each, "cart.status.pending === 0 && cart.view.lines[0]?.quantity === 6");
  const carts = await Promise.all(tabs.map(each => run(each, "cart.view.cart_id")));
  assert.deepEqual(new Set(carts).size, 1, carts);
  for (const each of tabs) await each.close();
  const again = await tab(context);
  await settled(again);
  assert.deepEqual([await run(again, "cart.view.cart_id"), await shown(again)], [carts[0], 6]);
  await context.close();
});

test("on plain HTTP a page that is loaded again goes on, and what a closed tab had not sent goes out by another", async () => {
  const context = await plain(), page = await tab(context), other = await tab(context);
  for (const each of [page, other]) await settled(each);
  await run(page, "cart.setOnline(false)");
  await run(page, `cart.add("${BAGEL}", 1)`);
  await page.reload();
  await connect(page);
  assert.equal(await shown(page), 1, "at once");
  await settled(page);
  await run(other, "cart.setOnline(false)");
  await run(other, `cart.add("${OTHER}", 2)`);
  await other.close();
  await settled(page);
  await run(page, "cart.setOnline(false); cart.setOnline(true)");
  const token = await run(page, "cart.token()"), there = async sku => (await served(token)).lines.find(line => line.sku === sku)?.quantity;
  await eventually(async () => await there(OTHER) === 2);
  assert.deepEqual([await there(BAGEL), await shown(page), await shown(page, OTHER)], [1, 1, 2]);
  await context.close();
});
