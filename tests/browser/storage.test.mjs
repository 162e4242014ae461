// Storage that is closed by force, that does not open, and that another tab holds: in a real Chromium, against the real
// Worker. What is denied or full is in client.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { URL_ } from "./chrome.mjs";
import { BAGEL, OTHER, blank, crash, device, open, run, served, settled, shown, tab, until } from "./device.mjs";

/** Holds all that is stored by a transaction that does not end, until `free()`. */
const hold = page => page.evaluate(() => new Promise(held => {
  const asked = indexedDB.open("evercart");
  asked.onsuccess = () => {
    const tx = asked.result.transaction(["kept", "replicas"], "readwrite");
    let go_on = true;
    const again = () => { held(); if (go_on) tx.objectStore("kept").get("account").onsuccess = again; else asked.result.close(); };
    window.free = () => { go_on = false; };
    again();
  };
}));
/** A device whose stored cart of two is held by a page that has closed it. */
async function held(context) {
  const first = await tab(context);
  await run(first, `cart.add("${BAGEL}", 2)`);
  await settled(first);
  const token = await run(first, "cart.token()");
  await run(first, "cart.close()");
  await hold(first);
  return { first, token };
}

test("storage that is closed by force is opened again, and what is added offline does not die with the tab", async () => {
  const context = await device(), page = await tab(context);
  await run(page, `cart.add("${BAGEL}", 1)`);
  await settled(page);
  const token = await run(page, "cart.token()");
  await run(page, "cart.setOnline(false)");
  const browser = await context.newCDPSession(page);
  await browser.send("Storage.clearDataForOrigin", { origin: new URL(page.url()).origin, storageTypes: "indexeddb" });
  await until(page, "cart.status.storage === 'denied'");
  await run(page, `cart.add("${BAGEL}", 2)`);
  assert.deepEqual(await run(page, "[cart.status.storage, cart.status.pending]"), ["ok", 1], "kept here, since nothing can be sent");
  await crash(page);
  const again = await tab(context);
  assert.equal(await shown(again), 3, "at once");
  await settled(again);
  assert.deepEqual([await run(again, "cart.token()"), (await served(token)).totals.quantity], [token, 3]);
  await context.close();
});

test("storage that does not open keeps no page waiting, is said, and joins when it does", async () => {
  const context = await device(), { first, token } = await held(context), page = await tab(context);
  assert.deepEqual(await run(page, "[cart.status.storage, cart.view.lines.length]"), ["busy", 0]);
  await run(page, `cart.add("${OTHER}", 3)`);
  assert.deepEqual(await run(page, "[cart.status.storage, cart.status.pending]"), ["busy", 0], "acknowledged by the service");
  await run(first, "free()");
  await until(page, `cart.status.storage === "ok" && cart.view.totals.quantity === 5`);
  await settled(page);
  assert.equal(await run(page, "cart.token()"), token);
  assert.equal((await served(token)).totals.quantity, 5);
  await page.reload();
  await open(page, {});
  assert.deepEqual([await shown(page), await shown(page, OTHER)], [2, 3]);
  await context.close();
});

test("a database that is being deleted under an old connection does not hang the page", async () => {
  const context = await device(), first = await blank(context);
  await first.evaluate(() => new Promise(done => {
    const asked = indexedDB.open("evercart", 1);
    asked.onsuccess = () => { window.old = asked.result; indexedDB.deleteDatabase("evercart"); done(); };
  }));
  const page = await tab(context);
  assert.equal(await run(page, "cart.status.storage"), "busy");
  await run(page, `cart.add("${BAGEL}", 2)`);
  assert.equal(await run(page, "cart.status.pending"), 0);
  await run(first, "old.close()");
  await until(page, "cart.status.storage === 'ok'");
  await run(page, "cart.close()");
  await page.reload();
  await open(page, {});
  assert.equal(await shown(page), 2, "kept since");
  await context.close();
});

test("an edit is sent, and it is said, though another tab holds the storage", async () => {
  const context = await device(), page = await tab(context), other = await blank(context);
  await settled(page);
  const token = await run(page, "cart.token()");
  await hold(other);
  await run(page, `cart.add("${BAGEL}", 2)`);
  assert.deepEqual(await run(page, "[cart.status.storage, cart.status.pending]"), ["busy", 0]);
  assert.equal((await served(token)).totals.quantity, 2);
  await run(other, "free()");
  await until(page, "cart.status.storage === 'ok'");
  await page.close();
  const again = await tab(context);
  await again.route(url => url.href.startsWith(URL_), route => route.abort());
  assert.equal(await shown(again), 2);
  await context.close();
});

test("who signs out while the storage is held is told that not all of it could be removed", async () => {
  const context = await device(), page = await tab(context), other = await blank(context);
  await run(page, `cart.add("${BAGEL}", 2)`);
  await settled(page);
  const token = await run(page, "cart.token()");
  await hold(other);
  assert.equal(await run(page, "cart.signOut().catch(error => error.code)"), "storage_denied");
  assert.deepEqual([await shown(page), (await served(token)).code], [0, "session_ended"]);
  await run(other, "free()");
  // It is removed as soon as that can be.
  await until(page, "cart.status.storage === 'ok' && cart.view.cart_id");
  await page.close();
  const again = await tab(context);
  assert.deepEqual([await shown(again), (await run(again, "cart.token()")) === token], [0, false]);
  await context.close();
});

test("who signs out before the storage has opened is not signed in again by it", async () => {
  const context = await device(), { first, token } = await held(context), page = await tab(context);
  assert.equal(await run(page, "cart.signOut().catch(error => error.code)"), "storage_denied");
  await run(first, "free()");
  await until(page, "cart.status.storage === 'ok' && cart.view.cart_id");
  await page.close();
  const again = await tab(context);
  assert.deepEqual([await shown(again), (await run(again, "cart.token()")) === token], [0, false]);
  await context.close();
});
