// What calls promise, in a real Chromium against the real Worker: after close(), after a sign-in here and on another
// device, over all pages of a list.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BAGEL, OTHER, URL_, device, open, run, settled, shown, tab, until } from "./device.mjs";

const session = async () => (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
const post = (path, token, body) => fetch(URL_ + path, { method: "POST", headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }, body: JSON.stringify(body) });

test("after close() every call is refused in words", async () => {
  const context = await device(), page = await tab(context);
  await run(page, `cart.add("${BAGEL}", 1)`);
  await settled(page);
  await run(page, "cart.close()");
  const calls = ["add('1')", "setQuantity('l_AevsQg', 1)", "increment('l_AevsQg')", "decrement('l_AevsQg')", "remove('l_AevsQg')", "save('l_AevsQg')", "moveToCart('l_AevsQg')",
    "clear()", "applyCoupon('A')", "removeCoupon('A')", "setNote('a')", "commands([])", "undo()", "settled()", "refresh()", "signIn({ token: 'a' })", "signOut()", "carts()",
    "switchTo('c_a')", "create()", "token()", "setOnline(true)", "setOnline(false)", "inspect()"];
  for (const call of calls) {
    const code = await run(page, `(async () => cart.${call})().then(() => null, error => error.code ?? String(error))`);
    assert.equal(code, "closed", call);
  }
  assert.deepEqual(await run(page, "[cart.view.lines.length, cart.subscribe(() => {})(), cart.close() instanceof Promise]"), [1, undefined, true]);
  await context.close();
});

test("a sign-in is done when the lines are there", async () => {
  const context = await device(), page = await tab(context), user = await session();
  await post("/v1/carts/current/lines", user.token, { sku: BAGEL, quantity: 3 });
  await run(page, `cart.add("${OTHER}", 2)`);
  await settled(page);
  const view = await run(page, `cart.signIn({ token: "${user.token}" })`);
  assert.deepEqual([view.partial, view.lines.length, await shown(page), await shown(page, OTHER)], [false, 2, 3, 2]);
  await context.close();
});

test("whose cart was merged by another device is told, and what is added goes where it went", async () => {
  const one = await device(), two = await device(), page = await tab(one), user = await session();
  await run(page, `cart.add("${BAGEL}", 2)`);
  await settled(page);
  const token = await run(page, "cart.token()"), other = await tab(two, { token });
  await settled(other);
  assert.equal(await run(other, "cart.status.merged"), false);
  await run(page, `cart.signIn({ token: "${user.token}" })`);
  await until(other, "cart.status.merged");
  await run(other, `cart.add("${OTHER}", 1)`);
  await settled(other);
  await until(page, "cart.view.totals.quantity === 3");
  // Also a page that comes later.
  await run(other, "cart.close()");
  await open(other, { token });
  await until(other, "cart.status.merged");
  await run(other, `cart.signIn({ token: "${user.token}" })`);
  assert.deepEqual([await run(other, "cart.status.merged"), await shown(other), await shown(other, OTHER)], [false, 2, 1]);
  await one.close(); await two.close();
});

test("all pages of a list of carts are listed", async () => {
  const context = await device(), user = await session();
  for (let made = 0; made < 60; made++) assert.equal((await post("/v1/carts", user.token, {})).status, 201);
  const page = await tab(context, { token: user.token });
  const carts = await run(page, "cart.carts()");
  assert.deepEqual([carts.length, new Set(carts.map(({ cart_id }) => cart_id)).size, carts.filter(({ current }) => current).length], [61, 61, 1]);
  assert.ok(carts.some(({ cart_id }) => cart_id === user.cart_id));
  await context.close();
});
