// What tabs, copies of a profile and copies of the package owe each other: no edit is lost, none is shown that is not
// there, and what is refused to one hinders nobody. In a real Chromium, against the real Worker at URL.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BAGEL, OTHER, URL_, blank, device, equal, eventually, open, run, served, settled, shown, tab, until } from "./device.mjs";

const THIRD = "961554";

/** What a device has stored, in another one. */
async function copied(page, context) {
  const stored = await run(page, `(async () => {
    const asked = indexedDB.open("evercart");
    await new Promise(done => { asked.onsuccess = done; });
    const tx = asked.result.transaction(["kept", "replicas"]);
    const kept = tx.objectStore("kept").get("account"), rows = tx.objectStore("replicas").getAll();
    await new Promise(done => { tx.oncomplete = done; });
    asked.result.close();
    return { kept: kept.result, rows: rows.result.map(row => ({ ...row, bytes: [...row.bytes] })) };
  })()`);
  const copy = await blank(context);
  await copy.evaluate(async ({ kept, rows }) => {
    const asked = indexedDB.open("evercart", 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("replicas", { keyPath: ["cart", "slot"] });
      asked.result.createObjectStore("kept");
    };
    await new Promise(done => { asked.onsuccess = done; });
    const tx = asked.result.transaction(["kept", "replicas"], "readwrite");
    tx.objectStore("kept").put(kept, "account");
    for (const row of rows) tx.objectStore("replicas").put({ ...row, bytes: Uint8Array.from(row.bytes) });
    await new Promise(done => { tx.oncomplete = done; });
    asked.result.close();
  }, stored);
  await open(copy, {});
  return copy;
}

const total = page => run(page, "cart.view.lines.reduce((sum, line) => sum + line.quantity, 0)");
/** With nothing of the service to be had, until it is called. */
async function blocked(context) {
  await context.route("**/v1/**", route => route.abort());
  return () => context.unroute("**/v1/**");
}

test("a copied profile takes an actor of its own and keeps what it acknowledged", async () => {
  const one = await device(), two = await device(), page = await tab(one);
  await run(page, `cart.add("${OTHER}", 1)`);
  await settled(page);
  const copy = await copied(page, two);
  await settled(copy);
  assert.equal(await run(copy, "cart.inspect().actor"), await run(page, "cart.inspect().actor"), "a copy");
  await run(page, `cart.add("${BAGEL}", 1)`);
  await until(copy, `cart.view.lines.some(line => line.sku === "${BAGEL}")`);
  await run(copy, `cart.add("${THIRD}", 3)`);
  await settled(copy);
  await eventually(() => equal(page, copy));
  const view = await served(await run(page, "cart.token()"));
  assert.deepEqual(Object.fromEntries(view.lines.map(line => [line.sku, line.quantity])), { [OTHER]: 1, [BAGEL]: 1, [THIRD]: 3 });
  assert.notEqual(await run(copy, "cart.inspect().actor"), await run(page, "cart.inspect().actor"));
  await one.close(); await two.close();
});

test("a profile and its copy add the same offline, beside other tabs, and both count", async () => {
  const one = await device(), two = await device(), page = await tab(one);
  await run(page, `cart.add("${OTHER}", 1)`);
  await settled(page);
  const copy = await copied(page, two);
  await settled(copy);
  const beside = [await tab(one), await tab(two)];
  for (const each of [page, copy, ...beside]) { await settled(each); await run(each, "cart.setOnline(false)"); }
  await run(page, `cart.add("${BAGEL}", 1)`);
  await run(copy, `cart.add("${BAGEL}", 1)`);
  for (const each of beside) await until(each, `cart.view.lines.some(line => line.sku === "${BAGEL}")`);
  for (const each of [page, copy, ...beside]) { await run(each, "cart.setOnline(true)"); await settled(each); }
  await eventually(() => equal(page, copy, ...beside));
  assert.equal(await shown(copy), 2);
  await one.close(); await two.close();
});

test("first tabs that could not reach the service show what is there once they can", async () => {
  for (const count of [2, 6]) {
    const context = await device(), open_again = await blocked(context), pages = [];
    for (let number = 0; number < count; number++) pages.push(await tab(context));
    for (const page of pages) await run(page, `cart.add("${BAGEL}", 1)`);
    for (const page of pages) await until(page, `cart.view.lines[0].quantity === ${count}`);
    await open_again();
    for (const page of pages) void run(page, "cart.refresh()");
    for (const page of pages) await settled(page);
    await eventually(() => equal(...pages));
    const view = await served(await run(pages[0], "cart.token()"));
    assert.equal(view.totals.quantity, count);
    for (const page of pages) assert.equal(await shown(page), count);
    await context.close();
  }
});

test("what tabs tell each other before they have a cart stays with those that have none", async () => {
  const context = await device();
  let lets = () => false;
  await context.route("**/v1/**", route => lets(route.request().frame().page()) ? route.continue() : route.abort());
  const one = await tab(context), two = await tab(context), third = await blank(context);
  for (const page of [one, two]) await run(page, `cart.add("${BAGEL}", 1)`);
  for (const page of [one, two]) await until(page, "cart.view.lines[0].quantity === 2");
  // Nobody can store anything until this page lets go; the second tab does not even try.
  await run(third, `new Promise(held => {
    const asked = indexedDB.open("evercart");
    asked.onsuccess = () => {
      const rows = asked.result.transaction("replicas", "readwrite").objectStore("replicas");
      const again = () => { held(); if (!window.enough) rows.count().onsuccess = again; };
      again();
    };
  })`);
  await run(two, `{
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (...of) {
      if (!window.enough) throw new DOMException("closing", "InvalidStateError");
      return transaction.apply(this, of);
    };
  }`);
  const provisional = await run(one, "cart.inspect().actor");
  lets = page => page === one;
  await run(one, "cart.refresh()");
  await until(one, `cart.inspect().actor !== "${provisional}"`);
  // The first tab has its actor, which is not stored yet.
  await run(two, `void cart.add("${OTHER}", 1)`);
  await until(two, "cart.status.pending === 2");
  for (const page of [two, third]) await run(page, "window.enough = true");
  await settled(one);
  lets = () => true;
  await run(two, "cart.refresh()");
  await settled(two);
  await eventually(() => equal(one, two));
  assert.deepEqual([await total(one), await total(two)], [3, 3]);
  await context.close();
});

test("tabs that may store nothing show nothing of each other's guests", async () => {
  const context = await device(), open_again = await blocked(context);
  await context.addInitScript(() => { indexedDB.open = () => { throw new DOMException("denied", "SecurityError"); }; });
  const one = await tab(context), two = await tab(context);
  await run(one, `void cart.add("${BAGEL}", 1)`);
  await run(two, `void cart.add("${OTHER}", 2)`);
  await open_again();
  for (const page of [one, two]) { await run(page, "cart.refresh()"); await settled(page); }
  assert.deepEqual([await total(one), await total(two)], [1, 2]);
  assert.deepEqual([await shown(one, OTHER), await shown(two)], [0, 0]);
  await context.close();
});

test("two copies of the package on one page are two tabs", async () => {
  const context = await device(), open_again = await blocked(context), page = await blank(context);
  await page.evaluate(async ([url, sku]) => {
    window.carts = [];
    for (const copy of ["/index.js", "/index.js?copy"]) carts.push(await (await import(copy)).connect({ url }));
    for (const cart of carts) await cart.add(sku, 1);
  }, [URL_, BAGEL]);
  await until(page, "carts.every(cart => cart.view.lines[0].quantity === 2)");
  await open_again();
  await run(page, "carts.forEach(cart => cart.refresh())");
  await until(page, "carts.every(cart => cart.status.online && cart.status.pending === 0 && !cart.view.partial && cart.view.lines[0].quantity === 2)");
  const view = await served(await run(page, "carts[0].token()"));
  assert.equal(view.totals.quantity, 2);
  await run(page, "carts.forEach(cart => cart.refresh())");
  assert.deepEqual(await run(page, "carts.map(cart => cart.view.lines[0].quantity)"), [2, 2]);
  await context.close();
});

test("of two devices that were filled offline the second is told at once what does not fit, and goes on", async () => {
  const one = await device(), two = await device(), a = await tab(one);
  await run(a, `cart.add("${OTHER}", 1)`);
  await settled(a);
  const b = await tab(two, { token: await run(a, "cart.token()") });
  await settled(b);
  for (const page of [a, b]) {
    await run(page, "cart.setOnline(false)");
    await page.evaluate(async sku => {
      const device = Math.random();
      for (let line = 0; line < 66; line++) {
        await cart.add(sku, 1, { customization: { device, line, text: "x".repeat(930) } }).catch(error => { if (error.code !== "cart_busy") throw error; });
      }
    }, BAGEL);
  }
  await run(a, "cart.setOnline(true)");
  await settled(a);
  // What was refused is told, and nothing waits behind it.
  await run(b, "window.reasons = []; cart.subscribeStatus(({ lastError }) => lastError && window.reasons.push(lastError.code))");
  await run(b, "cart.setOnline(true)");
  await settled(b);
  assert.ok((await run(b, "window.reasons")).includes("cart_busy"));
  await until(b, `cart.view.lines.some(line => line.sku === "${BAGEL}")`);
  await run(b, `cart.remove(cart.view.lines.find(line => line.sku === "${BAGEL}").line_id)`);
  await run(b, "cart.setNote('ring twice')");
  await settled(b);
  await eventually(() => equal(a, b));
  const view = await served(await run(a, "cart.token()"));
  assert.equal(view.note, "ring twice");
  await one.close(); await two.close();
});
