// The package in a real Chromium against the real Worker at URL: two devices, killed and restored tabs, doubled
// tabs, refusals, storage denied, sign-in. `tools/test_browser` starts both. Each device is a browser context.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DAMAGE, restore } from "./chrome.mjs";
import { BAGEL, OTHER, URL_, blank, crash, device, equal, eventually, open, run, served, settled, shown, tab, until } from "./device.mjs";

test("an add is shown at once, stored, and priced", async () => {
  const context = await device(), page = await tab(context);
  await run(page, `cart.add("${BAGEL}", 2)`);
  assert.equal(await shown(page), 2);
  await settled(page);
  await until(page, "cart.view.lines[0].unit_price && cart.view.totals.total.amount_minor > 0");
  const token = await run(page, "cart.token()");
  const view = await served(token);
  const local = await run(page, "cart.view");
  assert.deepEqual(local.totals, view.totals);
  assert.equal(local.version, view.version);
  await context.close();
});

test("offline on two devices, then merged", async () => {
  const one = await device(), two = await device();
  const a = await tab(one);
  await run(a, `cart.add("${BAGEL}", 1)`);
  await settled(a);
  const b = await tab(two, { token: await run(a, "cart.token()") });
  await until(b, "cart.view.lines.length === 1");
  for (const page of [a, b]) await run(page, "cart.setOnline(false)");
  await run(a, `cart.add("${BAGEL}", 2)`);
  await run(b, `cart.add("${BAGEL}", 3)`);
  await run(b, `cart.add("${OTHER}", 1)`);
  await run(a, "cart.setNote('ring twice')");
  assert.deepEqual([await shown(a), await shown(b)], [3, 4]);
  assert.equal(await run(a, "cart.status.online"), false);
  for (const page of [a, b]) await run(page, "cart.setOnline(true)");
  await eventually(() => equal(a, b));
  assert.deepEqual([await shown(a), await shown(b, OTHER), await run(b, "cart.view.note")], [6, 1, "ring twice"]);
  await one.close(); await two.close();
});

test("a device that is cut off while it connects hears nothing until it is joined", async () => {
  const one = await device(), two = await device(), three = await device();
  const a = await tab(one);
  await run(a, `cart.add("${BAGEL}", 1)`);
  await settled(a);
  const token = await run(a, "cart.token()"), c = await tab(three, { token }), b = await tab(two, { token });
  await settled(b);
  // Of what is stored it knows the cart, so that it opens a socket at once.
  await run(b, "cart.close()");
  await b.evaluate(async url => {
    const { connect } = await import("/index.js");
    window.opened = 0;
    const Socket = WebSocket;
    window.WebSocket = class extends Socket {
      constructor(...all) {
        super(...all);
        this.addEventListener("open", () => window.opened++);
        // While it connects: a ticket was asked for before.
        if (window.opened === 0) cart.setOnline(false);
      }
    };
    window.cart = await connect({ url });
  }, URL_);
  await until(b, "window.opened === 1");
  await run(a, `cart.add("${BAGEL}", 2)`);
  await until(c, "cart.view.lines[0]?.quantity === 3");
  assert.deepEqual([await shown(b), await run(b, "cart.status.live")], [1, false]);
  await run(b, "cart.setOnline(true)");
  await until(b, "cart.view.lines[0]?.quantity === 3");
  for (const context of [one, two, three]) await context.close();
});

test("a killed tab is restored with what it had not sent", async () => {
  for (const kill of [page => page.close({ runBeforeUnload: false }), crash]) {
    const context = await device(), page = await tab(context);
    await settled(page);
    await run(page, "cart.setOnline(false)");
    await run(page, `cart.add("${BAGEL}", 5)`);
    const actor = await run(page, "cart.inspect().actor");
    await kill(page);
    const again = await tab(context);
    assert.equal(await shown(again), 5, "at once, before the service is asked");
    await settled(again);
    assert.equal(await run(again, "cart.inspect().actor"), actor, "a free instance goes on");
    await context.close();
  }
});

test("of edits in whose middle the process is killed each is whole or was never made, and those acknowledged are there", async () => {
  const context = await device(), page = await tab(context);
  await settled(page);
  await run(page, "cart.setOnline(false)");
  let acknowledged = 0;
  page.on("console", message => { acknowledged = Math.max(acknowledged, Number(message.text())); });
  await page.evaluate(async ([one, two]) => {
    void (async () => {
      for (let made = 1; ; made++) {
        await cart.commands([{ op: "add", sku: one }, { op: "add", sku: two }]);
        console.log(made);
      }
    })();
    await new Promise(next => setTimeout(next, 500));
  }, [BAGEL, OTHER]);
  await crash(page);
  const again = await tab(context);
  const there = await shown(again);
  assert.ok(there >= acknowledged && acknowledged > 0, `${there} of ${acknowledged}`);
  assert.equal(await shown(again, OTHER), there, "both or none");
  await settled(again);
  const view = await served(await run(again, "cart.token()"));
  assert.deepEqual(view.lines.map(line => line.quantity), [there, there]);
  await context.close();
});

test("S36: a doubled tab takes an actor of its own, and tabs see each other", async () => {
  const context = await device(), page = await tab(context);
  await settled(page);
  const kept = await run(page, "JSON.stringify({ ...sessionStorage })");
  const copy = await blank(context);
  await copy.evaluate(kept => Object.assign(sessionStorage, JSON.parse(kept)), kept);
  await open(copy, {});
  await settled(copy);
  assert.notEqual(await run(page, "cart.inspect().actor"), await run(copy, "cart.inspect().actor"));
  await run(page, `cart.add("${BAGEL}", 1)`);
  await until(copy, `cart.view.lines.some(line => line.sku === "${BAGEL}")`);
  await run(copy, "cart.setOnline(false)");
  await run(copy, `cart.add("${BAGEL}", 2)`);
  await until(page, "cart.view.lines[0].quantity === 3");
  await run(copy, "cart.setOnline(true)");
  await eventually(() => equal(page, copy));
  assert.equal(await shown(page), 3);
  await context.close();
});

test("S36: of two tabs restored from one session one goes on, the other is new, and nothing is doubled", async () => {
  const context = await device(), page = await tab(context);
  await settled(page);
  await run(page, "cart.setOnline(false)");
  await run(page, `cart.add("${BAGEL}", 3)`);
  const actor = await run(page, "cart.inspect().actor"), token = await run(page, "cart.token()");
  const kept = await run(page, "JSON.stringify({ ...sessionStorage })");
  await crash(page);
  const restored = await Promise.all([0, 1].map(async () => {
    const again = await blank(context);
    await again.evaluate(kept => Object.assign(sessionStorage, JSON.parse(kept)), kept);
    return again;
  }));
  await Promise.all(restored.map(again => open(again, {})));
  for (const again of restored) { await run(again, `cart.add("${OTHER}", 1)`); await settled(again); }
  await eventually(() => equal(...restored));
  const actors = await Promise.all(restored.map(again => run(again, "cart.inspect().actor")));
  assert.equal(actors.filter(one => one === actor).length, 1, "one goes on");
  const view = await served(token);
  assert.deepEqual(Object.fromEntries(view.lines.map(line => [line.sku, line.quantity])), { [BAGEL]: 3, [OTHER]: 2 });
  await context.close();
});

test("what a closed tab had not sent goes out by the one that stays", async () => {
  const context = await device(), page = await tab(context), other = await tab(context);
  await settled(page); await settled(other);
  await run(other, "cart.setOnline(false)");
  await run(other, `cart.add("${BAGEL}", 4)`);
  await other.close();
  await run(page, "cart.setOnline(false)");
  await run(page, "cart.setOnline(true)");
  const token = await run(page, "cart.token()");
  await eventually(async () => {
    const view = await served(token);
    return view.lines?.[0]?.quantity === 4;
  });
  await context.close();
});

test("edits are refused at once, undone by undo, and whole", async () => {
  const context = await device(), page = await tab(context);
  const code = promise => run(page, `${promise}.then(() => null, error => error.code)`);
  assert.equal(await code("cart.remove('l_AevsQg')"), "line_not_found");
  assert.equal(await code(`cart.add("${BAGEL}", 10000)`), "invalid_field");
  assert.equal(await code(`cart.commands([{ op: "add", sku: "${BAGEL}" }, { op: "set", line_id: "x", quantity: 1 }])`), "line_not_found");
  assert.equal(await shown(page), 0);
  await run(page, `cart.add("${BAGEL}", 3, { customization: { b: 1, a: "Ada" } })`);
  await run(page, "cart.remove(cart.view.lines[0].line_id)");
  assert.equal(await shown(page), 0);
  await run(page, "cart.undo()");
  assert.deepEqual(await run(page, "cart.view.lines[0].customization"), { a: "Ada", b: 1 });
  await settled(page);
  assert.equal(await run(page, "cart.status.lastError"), null);
  await context.close();
});

test("storage that is denied is said, and the service acknowledges instead", async () => {
  const context = await device();
  // As a browser does that blocks what sites keep.
  await context.addInitScript(() => {
    const denied = () => new DOMException("denied", "SecurityError");
    indexedDB.open = () => { throw denied(); };
    navigator.locks.request = () => Promise.reject(denied());
    window.BroadcastChannel = class { constructor() { throw denied(); } };
  });
  const page = await tab(context);
  await run(page, `cart.add("${BAGEL}", 1)`);
  assert.deepEqual(await run(page, "[cart.status.storage, cart.status.pending]"), ["denied", 0]);
  await run(page, "cart.setOnline(false)");
  await run(page, `void cart.add("${BAGEL}", 1).then(() => (window.kept = true))`);
  assert.deepEqual([await shown(page), await run(page, "window.kept ?? false")], [2, false], "shown, but not acknowledged");
  await run(page, "cart.setOnline(true)");
  await until(page, "window.kept");
  await context.close();
});

test("storage that is full is said, and nothing is lost", async () => {
  const context = await device(), page = await blank(context);
  const browser = await context.newCDPSession(page), origin = new URL(page.url()).origin;
  await browser.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
  await open(page, {});
  await run(page, "cart.setOnline(false)");
  await run(page, `void cart.add("${BAGEL}", 1).then(() => (window.kept = true))`);
  await until(page, "cart.status.storage === 'full'");
  assert.deepEqual([await shown(page), await run(page, "window.kept ?? false")], [1, false], "shown, but not acknowledged");
  await run(page, "cart.setOnline(true)");
  await until(page, "window.kept");
  await browser.send("Storage.overrideQuotaForOrigin", { origin });
  await run(page, `cart.add("${BAGEL}", 1)`);
  await until(page, "cart.status.storage === 'ok'");
  await settled(page);
  // Also whose cart it is.
  await run(page, "cart.close()");
  await page.reload();
  await open(page, {});
  assert.equal(await shown(page), 2);
  await context.close();
});

test("a page that is given its token each time goes on with what it had", async () => {
  const context = await device(), page = await blank(context);
  const { token } = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
  await open(page, { token });
  await run(page, `cart.add("${BAGEL}", 1)`);
  await settled(page);
  const actor = await run(page, "cart.inspect().actor");
  await run(page, "cart.close()");
  await page.reload();
  await open(page, { token });
  assert.deepEqual([await run(page, "cart.inspect().actor"), await shown(page)], [actor, 1]);
  await context.close();
});

test("what a tab left unsent is sent by another that stays connected", async () => {
  const context = await device(), a = await tab(context), b = await blank(context);
  await settled(a);
  await until(a, "cart.status.live");
  await b.route("**/actors", route => route.abort());
  await open(b, {});
  await run(b, `cart.add("${BAGEL}", 2)`);
  await b.close();
  const user = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
  await run(a, `cart.signIn({ token: "${user.token}" })`);
  await until(a, "cart.view.totals.quantity === 2 && cart.status.pending === 0");
  await context.close();
});

test("site data that is cleared under an open page is said at once, and what was not sent goes out", async () => {
  const context = await device(), page = await tab(context);
  await settled(page);
  const token = await run(page, "cart.token()");
  await run(page, "cart.setOnline(false)");
  await run(page, `cart.add("${BAGEL}", 2)`);
  const browser = await context.newCDPSession(page);
  await browser.send("Storage.clearDataForOrigin", { origin: new URL(page.url()).origin, storageTypes: "indexeddb" });
  await until(page, "cart.status.storage === 'denied'");
  assert.equal(await shown(page), 2);
  await run(page, "cart.setOnline(true)");
  await settled(page);
  assert.equal((await served(token)).lines[0].quantity, 2);
  await context.close();
});

test("a clock years off, ahead and behind", async () => {
  for (const years of [-20, 20]) {
    const context = await device(), page = await tab(context, { clockSkewMs: years * 365 * 86_400_000 });
    await run(page, `cart.add("${BAGEL}", 1)`);
    await run(page, "cart.setQuantity(cart.view.lines[0].line_id, 7)");
    await settled(page);
    await eventually(() => equal(page));
    assert.deepEqual([await shown(page), await run(page, "cart.status.lastError")], [7, null]);
    await context.close();
  }
});

test("what a later build has stored waits for that build", async () => {
  const context = await device(), page = await tab(context);
  await settled(page);
  await run(page, "cart.setOnline(false)");
  await run(page, `cart.add("${BAGEL}", 2)`);
  await run(page, "cart.close()");
  const of_build = number => `rows.getAll().onsuccess = ({ target }) => { for (const row of target.result) if (row.pending || ${number} === 1) { row.bytes[0] = ${number}; rows.put(row); } };`;
  await restore(page, of_build(2));
  await page.reload();
  await open(page, {});
  await run(page, `cart.add("${OTHER}", 3)`);
  await settled(page);
  assert.equal(await run(page, "cart.status.lastError"), null);
  await run(page, "cart.close()");
  await restore(page, of_build(1));
  await page.reload();
  await open(page, {});
  // Both instances' edits are there, and sent.
  await until(page, "cart.view.totals.quantity === 5");
  await settled(page);
  const token = await run(page, "cart.token()");
  assert.equal((await served(token)).totals.quantity, 5);
  await context.close();
});

test("cleared site data begins anew, and damaged data is fetched anew", async () => {
  const context = await device(), page = await tab(context);
  await run(page, `cart.add("${BAGEL}", 2)`);
  await settled(page);
  await run(page, "cart.close()");
  await restore(page, DAMAGE);
  await page.reload();
  await open(page, {});
  assert.equal(await run(page, "cart.status.lastError.code"), "storage_damaged");
  await until(page, "cart.view.lines[0]?.quantity === 2");
  await run(page, "cart.close()");
  await run(page, "new Promise(done => { const gone = indexedDB.deleteDatabase('evercart'); gone.onsuccess = done; })");
  await page.reload();
  await open(page, {});
  await settled(page);
  assert.equal(await shown(page), 0);
  await context.close();
});

test("a guest signs in, and the cart joins the user's, once both have settled", async () => {
  const context = await device(), page = await tab(context), other = await tab(context);
  await run(page, `cart.add("${BAGEL}", 2)`);
  await settled(page);
  const user = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
  const headers = { Authorization: `Bearer ${user.token}`, "Content-Type": "application/json" };
  await fetch(`${URL_}/v1/carts/current/lines`, { method: "POST", headers, body: JSON.stringify({ sku: BAGEL, quantity: 3 }) });
  let asked = 0;
  const settles = { code: "cart_settling", status: 429, detail: "by a test" };
  await page.route("**/merge", route => ++asked < 3
    ? route.fulfill({ status: 429, contentType: "application/problem+json", body: JSON.stringify(settles) })
    : route.continue());
  await run(page, `cart.signIn({ token: "${user.token}" })`);
  assert.equal(asked, 3);
  await until(page, "cart.view.lines[0]?.quantity === 5");
  assert.equal(await run(page, "cart.view.cart_id ?? null") ?? user.cart_id, user.cart_id);
  await until(other, "cart.view.lines[0]?.quantity === 5");
  await run(page, "cart.create()");
  await settled(page);
  assert.deepEqual([await shown(page), (await run(page, "cart.carts()")).length], [0, 2]);
  await run(page, `cart.switchTo("${user.cart_id}")`);
  await until(page, "cart.view.lines[0]?.quantity === 5");
  await context.close();
});

test("a cart that is too large to join the user's stays beside it", async () => {
  const context = await device(), page = await tab(context);
  await settled(page);
  const user = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
  const engrave = async (cart, token, name) => {
    for (let chunk = 0; chunk < 5; chunk++) {
      const customization = at => ({ engraving: `${name} ${chunk} ${at} ${"x".repeat(950)}` });
      const commands = [...Array(11).keys()].map(at => ({ op: "add", sku: BAGEL, customization: customization(at) }));
      const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
      const answer = await fetch(`${URL_}/v1/carts/${cart}/commands`, { method: "POST", headers, body: JSON.stringify({ commands }) });
      assert.equal(answer.status, 200, await answer.text());
    }
  };
  for (let guest = 0; guest < 4; guest++) {
    const { token, cart_id } = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
    await engrave(cart_id, token, `guest ${guest}`);
    const headers = { Authorization: `Bearer ${user.token}`, "Content-Type": "application/json" };
    const answer = await fetch(`${URL_}/v1/carts/${user.cart_id}/merge`, { method: "POST", headers, body: JSON.stringify({ token, cart_id }) });
    assert.equal(answer.status, 200, await answer.text());
  }
  const own = (await run(page, "cart.carts()"))[0].cart_id;
  await engrave(own, await run(page, "cart.token()"), "own");
  await until(page, "cart.view.lines.length === 55");
  assert.deepEqual(await run(page, "cart.status.apart"), []);
  await run(page, `cart.signIn({ token: "${user.token}" })`);
  await until(page, "cart.view.lines.length === 220");
  assert.deepEqual(await run(page, "cart.status.apart"), [own]);
  const listed = [{ cart_id: user.cart_id, current: true }, { cart_id: own, current: false, apart: true }];
  assert.deepEqual(await run(page, "cart.carts()"), listed);
  // It is there after a reload too, is edited as before, and the user's is found again from it.
  await run(page, "cart.close()");
  await page.reload();
  await open(page, {});
  await run(page, `cart.switchTo("${own}")`);
  await until(page, "cart.view.lines.length === 55");
  await run(page, `cart.add("${OTHER}", 2)`);
  await settled(page);
  assert.deepEqual(await run(page, "cart.status.apart"), [user.cart_id]);
  await run(page, `cart.switchTo("${user.cart_id}")`);
  await until(page, "cart.view.lines.length === 220");
  await context.close();
});

test("a sign-in while the guest's own session is being made", async () => {
  const one = await device(), two = await device(), a = await tab(one);
  await run(a, `cart.add("${BAGEL}", 2)`);
  await settled(a);
  const token = await run(a, "cart.token()");
  const b = await blank(two);
  let answer;
  const asked = new Promise(ask => b.route("**/v1/sessions", route => { answer = () => route.continue(); ask(); }));
  await open(b, {});
  await run(b, `cart.add("${OTHER}", 3)`);
  await asked;
  await run(b, `void cart.signIn({ token: "${token}" }).then(() => (window.entered = true))`);
  // The answer comes late: a sign-in that does not wait for it has gone by.
  await b.waitForTimeout(2_000);
  answer();
  await until(b, "window.entered");
  await eventually(() => equal(a, b));
  assert.deepEqual([await shown(a), await shown(a, OTHER), await shown(b)], [2, 3, 2]);
  await one.close(); await two.close();
});

test("edits made while another cart is opened are lost to neither", async () => {
  const context = await device(), page = await tab(context);
  await run(page, `cart.add("${BAGEL}", 1)`);
  await settled(page);
  const first = await run(page, "cart.view.cart_id");
  await run(page, "cart.create()");
  await settled(page);
  const second = await run(page, "cart.view.cart_id");
  const made = await page.evaluate(async ([first, second, sku]) => {
    let made = 0;
    for (const to of [first, second, first]) {
      let there = false;
      const gone = Promise.all([cart.switchTo(to), cart.switchTo(to)]).then(() => { there = true; });
      while (!there) { await cart.add(sku, 1); made++; }
      await gone;
    }
    return made;
  }, [first, second, OTHER]);
  await settled(page);
  const token = await run(page, "cart.token()");
  const there = async id => {
    const view = await (await fetch(`${URL_}/v1/carts/${id}`, { headers: { Authorization: `Bearer ${token}` } })).json();
    return view.lines.find(line => line.sku === OTHER)?.quantity ?? 0;
  };
  // What was left in the other cart goes out with the next connection.
  await run(page, "cart.setOnline(false); cart.setOnline(true)");
  await eventually(async () => await there(first) + await there(second) === made);
  await context.close();
});

test("the custom element shows and edits", async () => {
  const context = await device(), page = await blank(context);
  await page.evaluate(async url => {
    await import("/element.js");
    const element = document.createElement("ever-cart");
    element.setAttribute("url", url);
    const ready = new Promise(done => element.addEventListener("connected", done));
    document.body.append(element);
    await ready;
    await element.cart.add("1095275", 1);
  }, URL_);
  await page.getByRole("button", { name: /^One more of/ }).click();
  await page.waitForFunction(() => document.querySelector("ever-cart").cart.view.lines[0].quantity === 2);
  await page.getByRole("button", { name: /^Remove/ }).click();
  await page.getByRole("button", { name: "Undo the removal" }).click();
  await page.waitForFunction(() => document.querySelector("ever-cart").cart.view.lines[0].quantity === 2);
  await context.close();
});
