// What a page of another origin may send and read, in a real Chromium against the real Worker: all that the docs name.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { BAGEL, URL_, blank, device } from "./device.mjs";

test("a page of another origin may send and read every header that the docs name", async () => {
  const docs = await readFile(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  const rows = docs.split("## Headers")[1].split("##")[0].split("\n").filter(row => row.startsWith("| `")).map(row => row.split("|").map(cell => cell.trim()));
  const named = where => rows.filter(row => where.test(row[2])).flatMap(row => [...row[1].matchAll(/`([\w-]+)[^`]*`/g)].map(([, name]) => name));
  const asked = named(/request|both/), answered = named(/answer|both/);
  assert.ok(asked.includes("Last-Event-ID") && answered.includes("Preference-Applied"), "the table is read");
  const context = await device(), page = await blank(context);
  const refused = await page.evaluate(async ([url, asked]) => {
    const refused = [];
    // What the header says does not matter here: an answer of whatever status was let through.
    const values = { "Evercart-Region": "weur", "Evercart-Place": "50.1,8.7", "Evercart-Clock-Skew-Ms": "0" };
    for (const name of asked) await fetch(`${url}/v1/products`, { headers: { [name]: values[name] ?? "1" } }).catch(() => refused.push(name));
    return refused;
  }, [URL_, asked]);
  assert.deepEqual(refused, []);
  const exposed = (await fetch(`${URL_}/v1/products`, { headers: { Origin: new URL(page.url()).origin } })).headers.get("Access-Control-Expose-Headers").split(",").map(name => name.trim());
  assert.deepEqual(answered.filter(name => !exposed.includes(name)), []);
  const applied = await page.evaluate(async ([url, sku]) => {
    const { token } = await (await fetch(`${url}/v1/sessions`, { method: "POST" })).json();
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json", Prefer: "return=minimal" };
    const answer = await fetch(`${url}/v1/carts/current/lines`, { method: "POST", headers, body: JSON.stringify({ sku }) });
    return [answer.status, answer.headers.get("Preference-Applied")];
  }, [URL_, BAGEL]);
  assert.deepEqual(applied, [204, "return=minimal"]);
  await context.close();
});

test("a coupon that no address can name is not applied", async () => {
  const context = await device(), page = await blank(context);
  const { token } = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  for (const code of [".", ".."]) {
    const answer = await fetch(`${URL_}/v1/carts/current/coupons`, { method: "POST", headers, body: JSON.stringify({ code }) });
    assert.deepEqual([answer.status, (await answer.json()).code], [422, "invalid_field"]);
    const here = await page.evaluate(async ([url, code]) => {
      const { connect } = await import("/index.js");
      window.cart ??= await connect({ url });
      return cart.applyCoupon(code).then(() => null, error => error.code);
    }, [URL_, code]);
    assert.equal(here, "invalid_field");
  }
  for (const code of ["...", "a/b", "%2e"]) {
    assert.equal((await fetch(`${URL_}/v1/carts/current/coupons`, { method: "POST", headers, body: JSON.stringify({ code }) })).status, 200);
    assert.equal((await fetch(`${URL_}/v1/carts/current/coupons/${encodeURIComponent(code)}`, { method: "DELETE", headers })).status, 200, code);
  }
  await context.close();
});
