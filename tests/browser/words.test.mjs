// The shop in the languages of its readers, in a real Chromium against the real Worker at URL: its words, its numbers
// and its direction. That no sentence is missing is for tests/tools/words.test.mjs.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EVENTUALLY_MS, URL_, chrome } from "./chrome.mjs";
import { run, until, visit } from "./pages.mjs";

const BAGEL = "1095275";
const PHONE = { width: 390, height: 844 }, SMALL = { width: 320, height: 640 }, DESK = { width: 1280, height: 800 };
const PATHS = ["/", `/product/${BAGEL}`, "/cart", "/carts", "/sign-in", "/nowhere"];
let browser;
before(async () => { browser = await chrome(); });
after(() => browser?.close());

async function device(locale, options = {}) {
  const context = await browser.newContext({ locale, viewport: PHONE, reducedMotion: "reduce", serviceWorkers: "block", ...options });
  context.setDefaultTimeout(EVENTUALLY_MS);
  return context;
}
const add = async (page, quantity) => {
  await run(page, `evercart.add("${BAGEL}", ${quantity})`);
  await until(page, "evercart.view.totals.total.amount_minor > 0");
};
const label = page => run(page, "document.querySelector('.open-cart').getAttribute('aria-label')");
const root = page => run(page, "[document.documentElement.lang, document.documentElement.dir]");
/** What the browser itself, whose digits these are, writes so. */
const said = (page, code) => run(page, `(${code})(navigator.language)`);
const overflow = page => run(page, `(() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  return wide > 0 ? [wide, ...[...document.querySelectorAll("body *")].filter(one => { const { left, right } = one.getBoundingClientRect(); return right > innerWidth + 1 || left < -1; }).slice(0, 5).map(one => one.outerHTML.slice(0, 120))] : [];
})()`);

test("who reads German has German words, numbers and amounts", async () => {
  const context = await device("de-DE"), page = await visit(context);
  assert.deepEqual(await root(page), ["de", "ltr"]);
  await page.getByRole("heading", { name: "Alle Produkte", exact: true }).waitFor();
  assert.equal(await page.getByRole("searchbox").getAttribute("placeholder"), "Katalog durchsuchen");
  await page.getByRole("link", { name: "Geräte" }).waitFor();
  await until(page, "document.querySelector('.found .head p').textContent === 'Die ersten 24 Produkte'");
  await page.getByRole("navigation", { name: "Abteilungen" }).getByRole("link", { name: "Lebensmittel" }).waitFor();
  await add(page, 1);
  assert.match(await label(page), /^Warenkorb: 1 Artikel/);
  await run(page, `evercart.setQuantity(evercart.view.lines[0].line_id, 1234)`);
  await until(page, "document.querySelector('.open-cart').getAttribute('aria-label').startsWith('Warenkorb: 1.234 Artikel')");
  await page.locator(".open-cart").click();
  await page.getByRole("dialog", { name: "Ihr Warenkorb" }).waitFor();
  await until(page, "evercart.view.totals.quantity === 1234");
  const { currency, amount_minor } = await run(page, "evercart.view.totals.total");
  const amount = new Intl.NumberFormat("de-DE", { style: "currency", currency }).format(amount_minor / 100);
  await page.locator(".totals dd", { hasText: amount }).last().waitFor();
  await context.close();
});

test("a language that goes by its system's name is read all the same, and what is none is passed over", async () => {
  const context = await device("en-US");
  await context.addInitScript(() => Object.defineProperty(navigator, "languages", { get: () => ["C", "!", "de-DE@euro", "en-US@posix"] }));
  const page = await visit(context);
  assert.deepEqual(await root(page), ["de", "ltr"]);
  await until(page, "document.querySelector('.found .head p').textContent === 'Die ersten 24 Produkte'");
  await context.close();
});

test("who reads Arabic reads from right to left, with Arabic plurals and digits", async () => {
  const context = await device("ar-EG", { viewport: DESK }), page = await visit(context);
  assert.deepEqual(await root(page), ["ar", "rtl"]);
  await page.getByRole("heading", { name: "كل المنتجات", exact: true }).waitFor();
  await page.locator(".card .buy button").first().click();
  await until(page, "evercart.view.lines.length === 1 && evercart.view.totals.quantity === 1");
  assert.match(await label(page), /^السلة: .?قطعة واحدة/);
  await page.locator(".open-cart").click();
  await page.getByRole("dialog", { name: "سلتك" }).waitFor();
  assert.equal((await page.locator(".drawer").boundingBox()).x, 0, "it comes from the other side");
  const name = await page.locator(".drawer .line h3").textContent();
  for (const [quantity, noun] of [[2, "قطعتان"], [3, "قطع"], [11, "قطعة"], [100, "قطعة"]]) {
    await run(page, `evercart.setQuantity(evercart.view.lines[0].line_id, ${quantity})`);
    const text = quantity === 2 ? noun : `${await said(page, `language => (${quantity}).toLocaleString(language)`)} ${noun}`;
    await until(page, `document.querySelector('.drawer .state').textContent === ${JSON.stringify(text)}`);
  }
  assert.equal(await page.locator(".drawer .stepper input").inputValue(), await said(page, "language => (100).toLocaleString(language)"));
  const steps = page.locator(".drawer .stepper .step");
  assert.ok((await steps.last().boundingBox()).x < (await steps.first().boundingBox()).x, "more is to the left of less");
  // A name in Latin letters keeps its place in the sentence.
  await page.locator(".drawer .actions button", { hasText: "إزالة" }).click();
  await until(page, `document.querySelector('.toast p').textContent === ${JSON.stringify(`أُزيل \u2068${name}\u2069`)}`);
  await context.close();
});

test("the address chooses a language, which is kept; one that there is not is English", async () => {
  const context = await device("fr-FR"), page = await visit(context);
  assert.equal((await root(page))[0], "en");
  await page.goto(`${URL_}/cart?lang=de`);
  await page.getByRole("heading", { name: "Ihr Warenkorb" }).waitFor();
  await page.goto(`${URL_}/carts`);
  await page.getByRole("heading", { name: "Körbe", exact: true }).waitFor();
  await page.goto(`${URL_}/?lang=ar`);
  await page.getByRole("heading", { name: "كل المنتجات", exact: true }).waitFor();
  await page.goto(`${URL_}/?lang=en`);
  await page.getByRole("heading", { name: "All products", exact: true }).waitFor();
  assert.equal((await root(page))[0], "en");
  await context.close();
});

test("a reader of English loads no words, one of German only the German ones", async () => {
  for (const [locale, wanted] of [["en-US", []], ["de-DE", ["de"]], ["ar", ["ar"]]]) {
    const context = await device(locale), page = await context.newPage(), asked = [];
    page.on("request", request => asked.push(.../\/assets\/(de|ar)-[^/]*\.js$/.exec(request.url())?.slice(1) ?? []));
    await page.goto(URL_);
    await until(page, "window.evercart !== undefined");
    assert.deepEqual(asked, wanted, locale);
    await context.close();
  }
});

test("without its words a language is English", async () => {
  const context = await device("de-DE"), page = await context.newPage();
  await page.route(/\/assets\/de-/, route => route.abort());
  await page.goto(URL_);
  await page.getByRole("heading", { name: "All products", exact: true }).waitFor();
  assert.equal((await root(page))[0], "en");
  await context.close();
});

for (const [size, viewport] of Object.entries({ phone: PHONE, small: SMALL })) for (const locale of ["de-DE", "ar-EG"]) {
  test(`nothing scrolls sideways in ${locale}, ${size}`, async () => {
    const context = await device(locale, { viewport });
    const first = await visit(context);
    await add(first, 12);
    await run(first, `evercart.commands([{ op: "add", sku: "1082185", quantity: 2 }, { op: "apply_coupon", code: "SAVE10" }])`);
    await first.close();
    for (const path of PATHS) {
      const page = await visit(context, path);
      await page.waitForSelector("main h1");
      await until(page, "!document.querySelector('main .waits')");
      assert.deepEqual(await overflow(page), [], path);
      if (path === "/") {
        await page.locator(".open-cart").click();
        await page.waitForSelector(".drawer .line");
        assert.deepEqual(await overflow(page), [], "the drawer");
      }
      await page.close();
    }
    await context.close();
  });
}
