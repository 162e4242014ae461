// Signing out on a shared computer, and what is told to who was signed out elsewhere or whose cart was erased, in a
// real Chromium against the real Worker.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BAGEL, OTHER, URL_, blank, crash, device, eventually, open, run, served, settled, shown, tab, until } from "./device.mjs";

/** All that a page's client has stored, as text: rows have bytes, in which texts stand as they are. */
const stored = page => page.evaluate(async () => {
  const all = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })];
  for (const { name } of await indexedDB.databases()) {
    const asked = indexedDB.open(name);
    await new Promise(done => { asked.onsuccess = done; });
    for (const store of asked.result.objectStoreNames) {
      const rows = asked.result.transaction(store).objectStore(store).getAll();
      await new Promise(done => { rows.onsuccess = done; });
      all.push(...rows.result.map(row => JSON.stringify(row, (_, value) => value instanceof Uint8Array ? new TextDecoder().decode(value) : value)));
    }
    asked.result.close();
  }
  return all.join("\n");
});
const NOTE = "ring at Ada's door";
const code = (page, promise) => run(page, `${promise}.then(() => null, error => error.code)`);
const ended = async token => (await served(token)).code;
const sign_out = token => fetch(`${URL_}/v1/sessions/current`, { method: "DELETE", headers: { Authorization: `Bearer ${token}` } });

test("who signs out leaves nothing on the device, in any tab, and the session is over", async () => {
  const context = await device(), page = await tab(context), other = await tab(context);
  await run(page, `cart.add("${BAGEL}", 2)`);
  await run(page, `cart.setNote(${JSON.stringify(NOTE)})`);
  await settled(page);
  await until(other, "cart.view.note");
  const token = await run(page, "cart.token()"), first = await run(page, "cart.view.cart_id");
  assert.ok((await stored(page)).includes(NOTE) && (await stored(page)).includes(token));
  assert.deepEqual(await run(page, "cart.signOut()"), { dropped: 0, ended: true });
  assert.equal(await ended(token), "session_ended");
  for (const each of [page, other]) {
    await until(each, "cart.view.lines.length === 0 && cart.view.note === null");
    assert.equal(await run(each, "cart.status.lastError"), null);
  }
  // The other tab has removed its own by itself.
  await eventually(async () => !(await stored(page)).includes(NOTE));
  assert.ok(!(await stored(page)).includes(token));
  // What comes is a new guest's, the same in both.
  for (const each of [page, other]) await until(each, "cart.view.cart_id && cart.status.live");
  await run(other, `cart.add("${OTHER}", 1)`);
  await run(page, `cart.add("${OTHER}", 2)`);
  for (const each of [page, other]) await until(each, "cart.view.totals.quantity === 3 && cart.status.pending === 0 && cart.view.cart_id");
  const next = await run(page, "cart.token()");
  assert.notEqual(next, token);
  assert.notEqual(await run(other, "cart.view.cart_id"), first);
  assert.equal((await served(next)).totals.quantity, 3);
  await run(page, "cart.close()");
  await page.reload();
  await open(page, {});
  assert.equal(await shown(page, OTHER), 3);
  await context.close();
});

test("without a connection a sign-out drops what was not sent and says how much, and the session ends as soon as it can", async () => {
  const context = await device(), page = await tab(context), gone = await tab(context);
  await run(page, `cart.add("${BAGEL}", 2)`);
  await settled(page);
  await settled(gone);
  const token = await run(page, "cart.token()");
  await context.setOffline(true);
  await run(page, `cart.add("${BAGEL}", 3)`);
  await run(gone, `cart.add("${OTHER}", 1)`);
  await run(gone, `cart.add("${OTHER}", 1)`);
  await crash(gone);
  assert.deepEqual(await run(page, "cart.signOut()"), { dropped: 3, ended: false });
  assert.deepEqual([await shown(page), await run(page, "cart.status.pending")], [0, 0]);
  await run(page, `cart.add("${OTHER}", 7)`);
  // Also where the tab is gone before there is a connection again.
  await page.close();
  await context.setOffline(false);
  assert.equal((await served(token)).totals.quantity, 2);
  const again = await tab(context);
  await eventually(async () => await ended(token) === "session_ended");
  await eventually(async () => !(await stored(again)).includes(token));
  await settled(again);
  assert.equal((await served(await run(again, "cart.token()"))).totals.quantity, 7);
  await context.close();
});

test("a sign-out sends first what was not sent, of closed tabs too", async () => {
  const context = await device(), page = await tab(context), gone = await tab(context);
  await settled(page);
  await settled(gone);
  const token = await run(page, "cart.token()");
  const other = await device(), looks = await tab(other, { token });
  await settled(looks);
  await run(gone, "cart.setOnline(false)");
  await run(gone, `cart.add("${OTHER}", 5)`);
  await gone.close();
  assert.deepEqual(await run(page, `cart.add("${BAGEL}", 3), cart.signOut()`), { dropped: 0, ended: true });
  await until(looks, "cart.view.totals.quantity === 8 || cart.status.lastError");
  assert.equal(await ended(token), "session_ended");
  assert.equal(await run(looks, "cart.view.totals.quantity"), 8);
  await context.close(); await other.close();
});

test("a page that was given its token signs out of it too", async () => {
  const context = await device(), page = await blank(context);
  const { token } = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
  await open(page, { token });
  await run(page, `cart.add("${BAGEL}", 1)`);
  await settled(page);
  await run(page, "cart.signOut()");
  assert.equal(await ended(token), "session_ended");
  await run(page, `cart.add("${OTHER}", 2)`);
  await settled(page);
  assert.equal((await served(await run(page, "cart.token()"))).totals.quantity, 2);
  await context.close();
});

test("who was signed out elsewhere is told, adds nothing that can never arrive, and starts anew", async () => {
  const one = await device(), two = await device(), page = await tab(one);
  await run(page, `cart.add("${BAGEL}", 2)`);
  await run(page, `cart.setNote(${JSON.stringify(NOTE)})`);
  await settled(page);
  const token = await run(page, "cart.token()"), away = await tab(two, { token });
  await settled(away);
  await run(away, "cart.setOnline(false)");
  await run(away, `cart.add("${OTHER}", 1)`);
  await sign_out(token);
  for (const each of [page, away]) {
    await run(each, "cart.setOnline(true)");
    await until(each, "cart.status.lastError?.code === 'session_ended'");
    assert.equal(await code(each, `cart.add("${OTHER}", 1)`), "session_ended");
    assert.equal(await code(each, "cart.undo()"), "session_ended");
  }
  assert.deepEqual([await shown(page), await shown(page, OTHER), await shown(away, OTHER)], [2, 0, 1]);
  // It is known after a reload too, without a connection.
  await page.reload();
  const service = url => url.href.startsWith(URL_);
  await page.route(service, route => route.abort());
  await open(page, {});
  assert.equal(await code(page, `cart.add("${OTHER}", 1)`), "session_ended");
  await page.unroute(service);
  for (const each of [page, away]) {
    const view = await run(each, "cart.create()");
    assert.deepEqual(view.lines, []);
    await run(each, `cart.add("${OTHER}", 4)`);
    await settled(each);
    assert.equal(await run(each, "cart.status.lastError"), null);
    assert.equal((await served(await run(each, "cart.token()"))).totals.quantity, 4);
    assert.ok(!(await stored(each)).includes(NOTE));
  }
  await one.close(); await two.close();
});

test("a cart that was erased elsewhere is said, takes nothing in, and is followed by a new one or a sign-in", async () => {
  const one = await device(), two = await device(), page = await tab(one);
  await run(page, `cart.add("${BAGEL}", 2)`);
  await settled(page);
  const token = await run(page, "cart.token()"), first = await run(page, "cart.view.cart_id");
  const away = await tab(two, { token });
  await settled(away);
  await run(away, "cart.setOnline(false)");
  await run(away, `cart.setNote(${JSON.stringify(NOTE)})`);
  await fetch(`${URL_}/v1/carts/${first}`, { method: "DELETE", headers: { Authorization: `Bearer ${token}` } });
  for (const each of [page, away]) {
    await run(each, "cart.setOnline(true)");
    await until(each, "cart.status.lastError?.code === 'cart_not_found'");
    assert.equal(await code(each, `cart.add("${OTHER}", 1)`), "cart_not_found");
  }
  assert.equal((await run(page, "cart.create()")).lines.length, 0);
  await run(page, `cart.add("${OTHER}", 4)`);
  await settled(page);
  assert.equal((await served(token)).totals.quantity, 4);
  const user = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
  await run(away, `cart.signIn({ token: "${user.token}" })`);
  await run(away, `cart.add("${OTHER}", 3)`);
  await settled(away);
  assert.equal((await served(user.token)).totals.quantity, 3);
  // What is left of a cart that is not there any more goes from the device as well.
  await eventually(async () => !(await stored(away)).includes(NOTE));
  await one.close(); await two.close();
});

test("the shop offers it, and says what to do where the session was signed out elsewhere", async () => {
  const context = await device(), page = await context.newPage();
  // From outside, since the pages' policy forbids what playwright's own way needs.
  const shows = code => eventually(() => run(page, code).catch(() => false));
  await page.goto(`${URL_}/sign-in`);
  await shows("window.evercart !== undefined");
  await run(page, `evercart.add("${BAGEL}", 2)`);
  await shows("evercart.status.pending === 0 && evercart.view.lines.length === 1");
  const token = await run(page, "evercart.token()");
  // What is told aloud gives way to what is told next.
  const told = page.getByText("Signed out. Nothing of you is kept on this device.").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Sign out" }).click();
  await told;
  await shows("location.pathname === '/' && evercart.view.lines.length === 0");
  assert.equal(await ended(token), "session_ended");
  await run(page, `evercart.add("${BAGEL}", 1)`);
  await shows("evercart.status.pending === 0 && evercart.view.lines.length === 1");
  await sign_out(await run(page, "evercart.token()"));
  await shows("document.querySelector('.pill').textContent === 'Needs a look'");
  await page.locator(".pill").click();
  await page.getByText("You have signed out on another device.").first().waitFor();
  await page.getByRole("button", { name: "Start a new cart" }).click();
  await shows("evercart.view.lines.length === 0 && evercart.status.lastError === null");
  await run(page, `evercart.add("${BAGEL}", 1)`);
  await shows("evercart.status.pending === 0 && document.querySelector('.pill').textContent === 'Saved'");
  await context.close();
});
