// One rule for what is taken in, by the client and over HTTP, in a real Chromium against the real Worker: the same line
// of both, or a refusal by both, and nothing that is shown and then withdrawn.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BAGEL, URL_, blank, device, eventually, open, run, served, settled, tab, until } from "./device.mjs";

const NO_SUCH = "000000";

/** What becomes of an add on both ways: the line's customisation, or the refusal's status and code. */
const both = (page, add) => page.evaluate(async ([url, add]) => {
  const { variant, customization, sku = "1095275", quantity = 1 } = eval(`(${add})`);
  const { connect } = await import("/index.js");
  const cart = await connect({ url, storage: `input ${crypto.randomUUID()}` });
  const here = await cart.add(sku, quantity, { variant, customization }).then(view => view.lines[0].customization, error => [error.status, error.code, error.name]);
  await cart.settled();
  const kept = cart.view.lines[0]?.customization;
  await cart.close();
  const answer = await fetch(`${url}/v1/carts/current/lines`, {
    method: "POST", headers: { "Content-Type": "application/json" }, credentials: "omit", body: JSON.stringify({ sku, quantity, variant, customization }),
  });
  const body = await answer.json();
  return { here, kept, there: answer.ok ? body.lines[0].customization : [answer.status, body.code] };
}, [URL_, add]);

test("what JSON.stringify makes of a customization is the same line on both ways", async () => {
  const context = await device(), page = await blank(context);
  for (const [add, wanted] of [
    ["{ customization: { engraving: undefined } }", null],
    ["{ customization: { engraving: undefined, b: 1 } }", { b: 1 }],
    ["{ customization: { on: new Date(0) } }", { on: "1970-01-01T00:00:00.000Z" }],
    ["{ customization: { a: [, 1] } }", { a: [null, 1] }],
    ["{ customization: { a: NaN, b: -0, c: 0.1 } }", { a: null, b: 0, c: 0.1 }],
    ["{ customization: { z: 1, a: { toJSON: () => 'told' } } }", { a: "told", z: 1 }],
    ["{ customization: { most: 9007199254740991 } }", { most: 9007199254740991 }],
  ]) {
    const { here, kept, there } = await both(page, add);
    assert.deepEqual([here, kept ?? null, there], [wanted, wanted, wanted], add);
  }
  await context.close();
});

test("what one way refuses the other refuses too", async () => {
  const context = await device(), page = await blank(context);
  const deep = depth => `{ customization: { a: ${"[".repeat(depth)}${"]".repeat(depth)} } }`;
  for (const add of [
    "{ customization: { a: 9007199254740992 } }", "{ customization: { a: [{ b: -1e300 }] } }", "{ customization: [1] }", "{ customization: 'text' }", "{ customization: new Date(0) }", deep(16),
    "{ quantity: '3' }", "{ quantity: 1.5 }", "{ quantity: 0 }", "{ quantity: 10000 }", "{ variant: 7 }", "{ sku: 1095275 }", "{ customization: { a: 'x'.repeat(1025) } }",
  ]) {
    const { here, kept, there } = await both(page, add);
    assert.deepEqual([here, kept ?? null, there], [[422, "invalid_field", "EvercartError"], null, [422, "invalid_field"]], add);
  }
  for (const add of ["{ customization: { a: '\\ud800' } }", "{ variant: '\\udc00' }"]) {
    const { here, kept, there } = await both(page, add);
    assert.deepEqual([here.slice(1), kept ?? null, there[0] >= 400 && there[0] < 500], [["invalid_field", "EvercartError"], null, true], add);
  }
  const { here, there } = await both(page, deep(15));
  assert.deepEqual(here, there);
  await context.close();
});

test("integers that doubles do not tell apart are no line over HTTP", async () => {
  for (const number of ["9007199254740993", "9007199254740992", "-9007199254740993", "1e16"]) {
    const body = `{"sku":"${BAGEL}","customization":{"a":${number}}}`;
    const answer = await fetch(`${URL_}/v1/carts/current/lines`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    assert.deepEqual([answer.status, (await answer.json()).code], [422, "invalid_field"], number);
  }
});

test("wrong arguments are refused in words", async () => {
  const context = await device(), page = await tab(context);
  for (const call of ["add()", "add(null)", "add('1', 1, null).then(() => cart.add('1', NaN))", "commands()", "commands([null])", "commands([{ op: 'fly' }])",
    "commands([{ op: 'toString' }])", "setQuantity('l_AevsQg')", "remove('l_AevsQg', 'elsewhere')", "commands([{ op: 'move', line_id: 'l_AevsQg' }])", "applyCoupon(5)", "setNote(5)", "setNote('\\ud800')", "signIn()", "switchTo()", "create(5)"]) {
    const said = await run(page, `(async () => cart.${call})().then(() => null, error => [error.code, error.name])`);
    assert.ok(said && ["invalid_field", "unknown_sku"].includes(said[0]) && said[1] === "EvercartError", `${call}: ${said}`);
  }
  await run(page, "cart.setNote('kept')");
  await run(page, "cart.commands([{ op: 'update', note: undefined, locale: 'en' }])");
  assert.deepEqual(await run(page, "[cart.view.note, cart.view.locale]"), ["kept", "en"], "undefined says nothing");
  await context.close();
});

test("an unknown product is refused when the catalog can be asked, and said later when not", async () => {
  const context = await device(), page = await tab(context);
  await settled(page);
  assert.deepEqual(await run(page, `cart.add("${NO_SUCH}").then(() => null, error => [error.status, error.code])`), [422, "unknown_sku"]);
  assert.deepEqual(await run(page, "[cart.view.lines.length, cart.status.pending]"), [0, 0]);
  // What the page shows of a product is not asked for, and is there offline.
  await run(page, "cart.setOnline(false)");
  await run(page, `cart.add("${BAGEL}", 2, { product: { title: "Bagels", unit_price: { amount_minor: 50, currency: "USD" } } })`);
  assert.deepEqual(await run(page, "[cart.view.lines[0].title, cart.view.totals.total.amount_minor]"), ["Bagels", 100]);
  await run(page, `cart.add("${NO_SUCH}")`);
  assert.equal(await run(page, "cart.view.lines.length"), 2, "offline it is kept");
  await run(page, "cart.setOnline(true)");
  await until(page, "cart.status.lastError?.code === 'unknown_sku'");
  await eventually(async () => await run(page, `cart.view.lines.find(line => line.sku === "${NO_SUCH}").problem`) === "not_for_sale");
  assert.equal((await served(await run(page, "cart.token()"))).lines.length, 2);
  await context.close();
});
