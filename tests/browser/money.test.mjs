// Amounts and their currencies, in a real Chromium against the real Worker.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BAGEL, blank, device, run, served, settled, tab, until } from "./device.mjs";

test("a minor unit is what ISO 4217 says, in every currency", async () => {
  const context = await device(), page = await blank(context);
  const shown = await page.evaluate(async () => {
    const { money } = await import("/money.js");
    const say = (amount_minor, currency) => money({ amount_minor, currency }, "en-US").replace(/\u00a0/g, " ");
    return {
      some: [say(50, "USD"), say(1299, "EUR"), say(500, "JPY"), say(1234, "KWD"), say(12345, "CLF"), say(-150, "USD")],
      hundredths: ["HUF", "COP", "IDR", "PKR", "RSD", "ALL", "TWD", "LBP", "MMK", "AMD"].map(currency => [say(100_000, currency), say(12_345, currency)]),
      thousandths: ["IQD", "BHD", "JOD", "LYD", "OMR", "TND"].map(currency => say(1_000_500, currency)),
      whole: ["KRW", "ISK", "VND", "XOF", "CLP", "UGX"].map(currency => say(1_500, currency)),
    };
  });
  assert.deepEqual(shown.some, ["$0.50", "€12.99", "¥500", "KWD 1.234", "CLF 1.2345", "-$1.50"]);
  for (const [whole, part] of shown.hundredths) {
    assert.match(whole, /^\D*1,000(\.00)?$/);
    assert.match(part, /^\D*123\.45$/);
  }
  for (const one of shown.thousandths) assert.match(one, /^\D*1,000\.500$/);
  for (const one of shown.whole) assert.match(one, /^\D*1,500$/);
  // Where one reads from right to left "US$" is on the left, and its sign behind its letters.
  const [sign, letters, figure] = await page.evaluate(async () => {
    const { money } = await import("/money.js"), at = document.createElement("p"), range = document.createRange();
    at.dir = "rtl";
    at.textContent = money({ amount_minor: 150, currency: "USD" }, "ar");
    document.body.replaceChildren(at);
    return ["$", "US", "1"].map(part => {
      const from = at.textContent.indexOf(part);
      range.setStart(at.firstChild, from);
      range.setEnd(at.firstChild, from + part.length);
      return range.getBoundingClientRect().left;
    });
  });
  assert.ok(letters < sign && sign < figure, [sign, letters, figure].join());
  await context.close();
});

test("a cart is shown in the currency that the service shows it in", async () => {
  const context = await device(), page = await tab(context, { currency: "EUR" });
  await run(page, `cart.add("${BAGEL}", 2)`);
  await settled(page);
  await until(page, "cart.view.totals.total.amount_minor > 0");
  const there = await served(await run(page, "cart.token()"));
  assert.deepEqual(await run(page, "[cart.view.currency, cart.view.totals]"), [there.currency, there.totals]);
  // A cart that names one is shown in that.
  await run(page, 'cart.commands([{ op: "update", currency: "JPY" }])');
  await settled(page);
  assert.equal(await run(page, "cart.view.currency"), (await served(await run(page, "cart.token()"))).currency);
  await context.close();
});
