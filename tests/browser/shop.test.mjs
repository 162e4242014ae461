// The storefront in a real Chromium against the real Worker at URL, which serves its pages. Each device is a browser
// context of its own. `tools/test_browser` starts the Worker.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { DAMAGE, EVENTUALLY_MS, IN_SYNC, URL_, chrome, of_later, older, restore, with_token } from "./chrome.mjs";
import { run, until, visit } from "./pages.mjs";

const { default: read_code } = await import("jsqr");
const AXE = await readFile(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const BAGEL = "1095275", BANANA = "1082185", NOT_FOR_SALE = "26081";
const PHONE = { width: 390, height: 844 }, DESK = { width: 1280, height: 800 };
let browser;

before(async () => { browser = await chrome(); });
after(() => browser?.close());

/** A device; what its pages print as errors is a failure, but for what a cut network makes them print. */
async function device(options = {}) {
  const context = await browser.newContext({ viewport: DESK, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(EVENTUALLY_MS);
  context.errors = [];
  context.on("console", message => { if (message.type() === "error" && !/ERR_INTERNET_DISCONNECTED|ERR_FAILED/.test(message.text())) context.errors.push(message.text()); });
  context.on("weberror", error => context.errors.push(error.error().stack));
  return context;
}
async function close(...contexts) {
  for (const context of contexts) { assert.deepEqual(context.errors, []); await context.close(); }
}
const settled = page => until(page, "evercart.status.online && evercart.status.pending === 0 && !evercart.view.partial");
const quantity = (page, sku = BAGEL) => run(page, `evercart.view.lines.find(line => line.sku === "${sku}")?.quantity ?? 0`);
const has = (page, sku, wanted) => until(page, `(evercart.view.lines.find(line => line.sku === "${sku}")?.quantity ?? 0) === ${wanted}`);
const card = (page, at = 0) => page.locator(".card:has(.buy button)").nth(at);
const line = (page, name) => page.locator(".line", { hasText: name });
/** Waits until the pill says so, and opens what is behind it, where that is said. */
async function said(page, short, long) {
  await until(page, `document.querySelector('.pill').textContent === ${JSON.stringify(short)}`);
  if (!await page.locator(".panel:popover-open").count()) await page.locator(".pill").click();
  await page.waitForSelector(`.panel:popover-open >> text=${long}`);
}
/** From now on nothing can be stored, until `room()` is called. */
const fill_storage = page => run(page, `(() => { const put = IDBObjectStore.prototype.put; window.room = () => { IDBObjectStore.prototype.put = put; };
  IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); }; })()`);
/** From now on the service has no sockets for a page, and its requests of a kind are dealt with so. */
async function divert(page, path, deal) {
  await settled(page);
  await page.routeWebSocket(/live/, socket => socket.close({ code: 1011 }));
  await page.route(path, deal);
  await run(page, "evercart.setOnline(false); evercart.setOnline(true)");
}
/** From now on every sync is refused. */
const refuse = (page, status, code) => divert(page, "**/sync", route => route.fulfill({
  status, contentType: "application/problem+json", body: JSON.stringify({ type: "about:blank", title: code, status, code, detail: "by a test" }),
}));
/** How many edits this device has made in all. */
const edits = page => run(page, "(({ actor, seen }) => seen.find(one => one.actor === actor)?.counter ?? 0)(evercart.inspect())");
/** Taps that follow one another within a moment, however busy the machine is. */
const tap = (locator, times) => locator.evaluate((button, times) => { for (let time = 0; time < times; time++) button.click(); }, times);

test("departments are browsed, pages follow, Back shows what was left", async () => {
  const context = await device(), page = await visit(context);
  // Not their places: each card is made.
  await until(page, "document.querySelectorAll('.card h3 a').length === 24");
  assert.equal(await page.locator(".card").count(), 24);
  await page.getByRole("button", { name: "Show more" }).click();
  await until(page, "document.querySelectorAll('.card').length === 48");
  const skus = await page.locator(".card h3 a").evaluateAll(links => links.map(link => link.href));
  assert.equal(new Set(skus).size, 48, "none twice");
  await page.getByRole("navigation", { name: "Departments" }).getByRole("link", { name: "Salad bar" }).click();
  await until(page, "document.title === 'Salad bar · Evercart'");
  assert.equal(new URL(page.url()).search, "?category=SALAD%20BAR");
  assert.equal(await run(page, "document.activeElement.textContent"), "Salad bar", "the focus is on the heading");
  await until(page, "document.querySelector('body > .live')?.textContent.includes('24 products')");
  await page.waitForSelector(".card p:text('Salad bar')");
  await page.goBack();
  await until(page, "document.querySelectorAll('.card').length === 48");
  await page.goto(`${URL_}/?category=SALAD%20BAR`);
  await until(page, "document.querySelector('.departments [aria-current]')?.textContent.startsWith('Salad bar')");
  await close(context);
});

test("a search follows what is typed, and is in the address", async () => {
  const context = await device(), page = await visit(context);
  const asked = [];
  page.on("request", request => { if (request.url().includes("q=")) asked.push(new URL(request.url()).searchParams.get("q")); });
  const field = page.getByRole("searchbox");
  await field.pressSequentially("bagel", { delay: 10 });
  await until(page, "document.querySelector('h1').textContent === '“bagel”'");
  assert.ok(await run(page, "document.activeElement.type === 'search'"), "the focus stays in the field");
  await page.waitForSelector(".card");
  for (const title of await page.locator(".card h3").allTextContents()) assert.match(title, /bagel/i);
  assert.equal(asked.at(-1), "bagel");
  await field.fill("bagel zzzzz");
  await page.waitForSelector("text=Nothing in the catalog has all these words");
  await page.goBack();
  await until(page, "location.search === '' && document.querySelector('h1').textContent === 'All products'");
  await page.goto(`${URL_}/?q=banana`);
  await page.waitForSelector(".card");
  assert.equal(await page.getByRole("searchbox").inputValue(), "banana");
  await close(context);
});

test("a product is shown, and an unknown one said", async () => {
  const context = await device(), page = await visit(context, `/product/${BAGEL}`);
  await page.waitForSelector(".facts .price");
  assert.match(await page.title(), /Bagels.* · Evercart/);
  await page.getByRole("button", { name: /^Add to cart/ }).first().click();
  assert.equal(await quantity(page), 1);
  assert.ok(await run(page, "document.activeElement.closest('.stepper') !== null"), "the focus is on what took the button's place");
  await page.locator(".others .card h3 a").first().click();
  await until(page, `!location.pathname.endsWith("${BAGEL}")`);
  await page.goto(`${URL_}/product/${NOT_FOR_SALE}`);
  await page.waitForSelector("text=Not for sale at present");
  await page.goto(`${URL_}/product/nope`);
  await page.waitForSelector("text=There is no such product");
  assert.equal(context.errors.splice(0).filter(text => !text.includes("404")).length, 0);
  await close(context);
});

test("what is added before the cart is open is in it, over a reload too", async () => {
  // What is kept for offline would bring the Wasm that is held back here.
  const context = await device({ serviceWorkers: "block" }), page = await context.newPage();
  let come;
  const there = new Promise(resolve => { come = resolve; });
  await page.route("**/*.wasm", async route => { await there; await route.continue().catch(() => {}); });
  await page.goto(URL_);
  const add = card(page).getByRole("button", { name: /^Add to cart/ });
  await tap(add, 2);
  await add.getByText("2 added").waitFor();
  assert.equal(await run(page, "window.evercart"), undefined, "there is no cart yet");
  await page.reload();
  await add.getByText("2 added").waitFor();
  await tap(add, 1);
  come();
  await until(page, "window.evercart?.view.lines[0]?.quantity === 3");
  await card(page).getByRole("button", { name: /^One more/ }).waitFor();
  await settled(page);
  await page.reload();
  await until(page, "window.evercart?.view.lines[0]?.quantity === 3");
  await close(context);
});

test("taps become one edit, shown at once", async () => {
  const context = await device(), page = await context.newPage(), frames = [];
  page.on("websocket", socket => socket.on("framesent", ({ payload }) => { if (typeof payload !== "string") frames.push(payload); }));
  await page.goto(URL_);
  await card(page).getByRole("button", { name: /^Add/ }).click();
  await settled(page);
  const [made, sent] = [await edits(page), frames.length];
  const field = card(page).locator("input");
  await tap(card(page).getByRole("button", { name: /^One more/ }), 5);
  assert.equal(await field.inputValue(), "6", "shown before it is made");
  await until(page, "evercart.view.lines[0].quantity === 6");
  await settled(page);
  assert.deepEqual([await edits(page) - made, frames.length - sent], [1, 1], "one edit, one message");
  await tap(card(page).getByRole("button", { name: /^One less/ }), 2);
  await until(page, "evercart.view.lines[0].quantity === 4");
  await field.fill("12");
  await field.press("Enter");
  await until(page, "evercart.view.lines[0].quantity === 12");
  await field.fill("x");
  await field.press("Enter");
  await page.waitForSelector("text=Type a number from 1 to");
  assert.deepEqual([await field.inputValue(), await run(page, "evercart.view.lines[0].quantity")], ["12", 12]);
  await close(context);
});

test("taps and letters that still wait are made when the page goes", async () => {
  const context = await device(), page = await visit(context, "/cart");
  await run(page, `evercart.add("${BAGEL}", 1)`);
  await settled(page);
  await page.getByLabel("Note").fill("ring twice");
  await tap(page.getByRole("button", { name: /^One more/ }), 3);
  assert.equal(await quantity(page), 1, "they wait");
  await page.reload();
  // Where the page that went has not quite gone, this one is another instance, and takes it over from that.
  await has(page, BAGEL, 4);
  await until(page, "evercart.view.note === 'ring twice'");
  await close(context);
});

test("the drawer keeps the focus, Escape gives it back", async () => {
  const context = await device(), page = await visit(context);
  await card(page).getByRole("button", { name: /^Add/ }).click();
  await page.getByRole("button", { name: /^Cart: 1 item/ }).click();
  const drawer = page.getByRole("dialog", { name: "Your cart" });
  await drawer.waitFor();
  for (let step = 0; step < 30; step++) {
    await page.keyboard.press("Tab");
    assert.ok(await run(page, "document.activeElement === document.body || !!document.activeElement.closest('dialog')"), "nothing behind it has the focus");
  }
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "hidden" });
  assert.match(await run(page, "document.activeElement.getAttribute('aria-label')"), /^Cart: 1 item/);
  await page.getByRole("button", { name: /^Cart: / }).click();
  await drawer.getByRole("link", { name: "Whole page" }).click();
  await until(page, "location.pathname === '/cart' && !document.querySelector('dialog[open]')");
  await close(context);
});

test("a removal is announced and taken back, in the drawer and on the page", async () => {
  const context = await device(), page = await visit(context);
  await run(page, `evercart.add("${BAGEL}", 3)`);
  await settled(page);
  await page.getByRole("button", { name: /^Cart: / }).click();
  await line(page, "Bagels").getByRole("button", { name: /^Remove/ }).click();
  assert.equal(await quantity(page), 0);
  await until(page, "document.activeElement.textContent === 'Undo'");
  await until(page, "document.querySelector('dialog > .live')?.textContent.startsWith('Removed')");
  await page.keyboard.press("Enter");
  await has(page, BAGEL, 3);
  await page.keyboard.press("Escape");
  await page.goto(`${URL_}/cart`);
  await has(page, BAGEL, 3);
  await tap(line(page, "Bagels").getByRole("button", { name: /^(One less|Remove)/ }).first(), 3);
  await has(page, BAGEL, 0);
  await settled(page);
  assert.ok(await page.locator(".toast").isVisible(), "it stays");
  await run(page, `evercart.add("${BANANA}", 1)`);
  await page.locator(".toast").waitFor({ state: "hidden" });
  await line(page, "Bananas").getByRole("button", { name: /^Remove/ }).last().click();
  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.locator(".toast").waitFor({ state: "hidden" });
  await close(context);
});

test("saved for later and back, coupons, a note, what cannot be sold", async () => {
  const context = await device(), page = await visit(context, "/cart");
  await page.waitForSelector("text=Your cart is empty.");
  await run(page, `evercart.commands([{ op: "add", sku: "${BAGEL}", quantity: 2 }, { op: "add", sku: "${NOT_FOR_SALE}" }])`);
  await page.waitForSelector("text=Not for sale any more");
  await settled(page);
  await until(page, "evercart.view.totals.total.amount_minor === 100");
  await line(page, "Bagels").getByRole("button", { name: /^Save for later/ }).click();
  const later = page.getByRole("region", { name: "Saved for later" });
  await line(later, "Bagels").getByRole("button", { name: /^Move to cart/ }).click();
  await later.waitFor({ state: "hidden" });
  assert.equal(await quantity(page), 2);

  const code = page.getByLabel("Coupon code");
  const apply = page.getByRole("button", { name: "Apply" });
  await code.fill("no spaces");
  await apply.click();
  assert.equal(await code.getAttribute("aria-invalid"), "true");
  const refusal = page.locator(`#${await code.getAttribute("aria-describedby")}`);
  assert.notEqual(await refusal.textContent(), "", "the refusal is at the field");
  assert.equal(await code.inputValue(), "no spaces", "what was typed is kept");
  await code.fill("save10");
  await code.press("Enter");
  await page.getByRole("button", { name: "Remove the coupon SAVE10" }).waitFor();
  assert.equal(await refusal.textContent(), "");
  await page.getByRole("button", { name: "Remove the coupon SAVE10" }).click();
  await until(page, "evercart.view.coupons.length === 0");

  await page.getByLabel("Note").fill("Leave it at the door");
  await until(page, "evercart.view.note === 'Leave it at the door'");
  await settled(page);
  await page.reload();
  assert.equal(await page.getByLabel("Note").inputValue(), "Leave it at the door");
  await close(context);
});

test("the total stays in sight with 150 lines too, and the coupon says what it does", async () => {
  for (const viewport of [PHONE, DESK]) {
    const context = await device({ viewport }), page = await visit(context);
    await page.evaluate(async sku => {
      for (const from of [0, 75]) await evercart.commands(Array.from({ length: 75 }, (_, at) => ({ op: "add", sku, customization: { engraved: String(from + at) } })));
      await evercart.applyCoupon("SAVE10");
    }, BAGEL);
    await settled(page);
    await until(page, "evercart.view.totals.total.amount_minor === 150 * 50");
    /** Whether the total is within what is seen, at the beginning, in the middle and at the end. */
    const in_sight = async (box, total) => {
      for (const part of [0, .5, 1]) {
        await run(page, `(box => box.scrollTo(0, ${part} * box.scrollHeight))(document.querySelector(${JSON.stringify(box)}))`);
        const [text, seen] = await run(page, `(() => {
          const found = [...document.querySelectorAll(${JSON.stringify(total)})].at(-1), { top, bottom } = found.getBoundingClientRect();
          return [found.textContent, found.checkVisibility() && top >= 0 && bottom <= innerHeight];
        })()`);
        assert.deepEqual([text, seen], ["$75.00", true], `${box} at ${part}`);
      }
    };
    await page.getByRole("button", { name: /^Cart: 150 items/ }).click();
    await page.waitForSelector("dialog[open] .line");
    await in_sight("dialog .content", "dialog .in-sight .price");
    await page.goto(`${URL_}/cart`);
    await until(page, "window.evercart?.view.totals.total.amount_minor === 150 * 50");
    await in_sight("html", viewport === PHONE ? ".in-sight .price" : ".totals dd");
    await page.getByText("It takes nothing off yet").waitFor();
    await close(context);
  }
});

test("a quantity that was cut says so", async () => {
  const context = await device(), page = await visit(context, "/cart");
  await run(page, `evercart.add("${BAGEL}", 1)`);
  // A line is made anew when its name comes.
  await line(page, "Bagels").waitFor();
  await page.locator(".stepper input").fill("12345");
  await page.locator(".stepper input").press("Enter");
  await has(page, BAGEL, 9999);
  await page.getByText("At most 9,999 can be bought at once").waitFor();
  await settled(page);
  await close(context);
});

test("a cart is printed as a list", async () => {
  const context = await device(), page = await visit(context, "/cart");
  await run(page, `evercart.add("${BAGEL}", 3)`);
  await run(page, "evercart.setNote('ring twice')");
  await line(page, "Bagels").getByText("$1.50").waitFor();
  await settled(page);
  await line(page, "Bagels").getByText("$0.50 each", { exact: true }).waitFor();
  await page.emulateMedia({ media: "print" });
  const seen = await run(page, `[...document.querySelectorAll("body *")].filter(one => !one.children.length && one.checkVisibility() && one.getBoundingClientRect().height > 1).map(one => one.value ?? one.textContent).filter(Boolean)`);
  assert.deepEqual(seen, ["Your cart", "Rolls: Bagels, 4 oz", "$0.50 each", "3", "$1.50", "Note", "ring twice", "Subtotal, 3 items", "$1.50", "Total", "$1.50"]);
  await close(context);
});

test("on a phone each tool says what it is, and a camera reads the link to the cart", async () => {
  const context = await device({ viewport: PHONE }), page = await visit(context, "/sign-in");
  for (const name of ["Carts", "Devices", "Cart"]) assert.ok(await page.locator(".tools").getByText(name, { exact: true }).isVisible(), name);
  await page.waitForSelector(".code svg");
  const { data, width, height } = await page.evaluate(async () => {
    const picture = new Image(), canvas = document.createElement("canvas");
    picture.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(document.querySelector(".code svg")))}`;
    await picture.decode();
    canvas.width = canvas.height = 480;
    const to = canvas.getContext("2d");
    to.drawImage(picture, 0, 0, 480, 480);
    return { data: [...to.getImageData(0, 0, 480, 480).data], width: 480, height: 480 };
  });
  assert.equal(read_code(Uint8ClampedArray.from(data), width, height)?.data, await page.getByLabel("Link to this session").inputValue());
  await close(context);
});

test("offline is said, edits are kept across a reload, and sent", async () => {
  const context = await device(), page = await visit(context);
  await card(page).getByRole("button", { name: /^Add/ }).click();
  await settled(page);
  const pill = page.locator(".pill");
  await until(page, "document.querySelector('.pill').textContent === 'Saved'");
  await run(page, "navigator.serviceWorker.ready.then(() => {})");
  await context.setOffline(true);
  await until(page, "document.querySelector('.pill').textContent === 'Offline'");
  await until(page, "document.querySelector('body > .live')?.textContent.startsWith('Offline.')");
  await tap(card(page).getByRole("button", { name: /^One more/ }), 2);
  await until(page, "document.querySelector('.pill').textContent === 'Offline, 1 to send'");
  await pill.click();
  await page.waitForSelector(".panel:popover-open >> text=1 change is not with the service yet.");
  await page.keyboard.press("Escape");
  await page.reload();
  await until(page, "window.evercart?.view.lines[0]?.quantity === 3");
  await until(page, "document.querySelector('.pill').textContent === 'Offline, 1 to send'");
  await page.getByRole("searchbox").fill("something new");
  await page.waitForSelector("text=The catalog does not answer");
  await page.goto(`${URL_}/cart`);
  await until(page, "document.querySelector('.stepper input')?.value === '3'");
  await context.setOffline(false);
  await settled(page);
  await until(page, "document.querySelector('.pill').textContent === 'Saved'");
  const token = await run(page, "evercart.token()");
  const view = await (await fetch(`${URL_}/v1/carts/current`, { headers: { Authorization: `Bearer ${token}` } })).json();
  assert.equal(view.lines[0].quantity, 3);
  await close(context);
});

test("storage that is denied is said", async () => {
  const context = await device();
  await context.addInitScript(() => { indexedDB.open = () => { throw new DOMException("denied", "SecurityError"); }; });
  const page = await visit(context);
  await said(page, "Not kept here", "May not keep a copy");
  await close(context);
});

test("storage that is full is said, and that it has room again", async () => {
  const context = await device(), page = await visit(context);
  await settled(page);
  await fill_storage(page);
  await card(page).getByRole("button", { name: /^Add/ }).click();
  await said(page, "Not kept here", "Has no room for a copy");
  await page.keyboard.press("Escape");
  await run(page, "room()");
  await card(page).getByRole("button", { name: /^One more/ }).click();
  await until(page, "document.querySelector('.pill').textContent === 'Saved'");
  await close(context);
});

test("what the service refuses is said, and the rest is kept", async () => {
  const one = await device(), two = await device(), a = await visit(one), b = await visit(two, "/cart");
  await settled(a); await settled(b);
  await run(b, `evercart.signIn({ token: ${JSON.stringify(await run(a, "evercart.token()"))} })`);
  await settled(b);
  await run(b, "evercart.setOnline(false)");
  await a.evaluate(async sku => {
    const line = number => ({ op: "add", sku, customization: { engraved: String(number) } });
    for (let batch = 0; batch < 5; batch++) await evercart.commands(Array.from({ length: 100 }, (_, at) => line(100 * batch + at)));
  }, BAGEL);
  await settled(a);
  await run(b, `evercart.add("${BANANA}", 1)`);
  await run(b, "evercart.setNote('ring twice')");
  await run(b, "evercart.setOnline(true)");
  await said(b, "Needs a look", "The service refused a change");
  await has(b, BANANA, 0);
  await until(b, "evercart.view.note === 'ring twice' && evercart.view.lines.length === 500");
  await close(one, two);
});

test("what has failed is said in plain words, what is shown stays, and it goes on when that has passed", async () => {
  const context = await device(), page = await visit(context, "/cart");
  const saved = async quantity => {
    await settled(page);
    await until(page, "document.querySelector('.pill').textContent === 'Saved'");
    // What has no price yet is in no total: it is asked for when the edit is with the service.
    await until(page, `evercart.view.totals.quantity === ${quantity}`);
    const token = await run(page, "evercart.token()");
    const view = await (await fetch(`${URL_}/v1/carts/current`, { headers: { Authorization: `Bearer ${token}` } })).json();
    assert.deepEqual([view.totals.quantity, await quantity_of(page)], [quantity, quantity]);
  };
  const quantity_of = page => run(page, "evercart.view.totals.quantity");
  /** What is stored of the account and of the replicas, changed while no page is open. */
  const stored = async change => {
    await run(page, "evercart.close()");
    await restore(page, change);
    await page.reload();
    await until(page, "window.evercart !== undefined");
  };
  await run(page, `evercart.add("${BAGEL}", 1)`);
  await saved(1);

  await refuse(page, 503, "replica_unavailable");
  await run(page, `evercart.add("${BAGEL}", 1)`);
  await said(page, "Needs a look", "The service cannot take changes now");
  assert.equal(await quantity_of(page), 2);
  await page.unrouteAll();
  await page.reload();
  await until(page, "window.evercart !== undefined");
  await saved(2);

  // The service is gone, though there is a network, until the shopper tries.
  await run(page, "addEventListener('click', () => { window.tried = true; })");
  await divert(page, "**/v1/**", async route => await run(page, "window.tried") ? route.continue() : route.abort());
  await run(page, `evercart.add("${BAGEL}", 1)`);
  await said(page, "Offline, 1 to send", "1 change is not with the service yet");
  await page.getByRole("button", { name: "Try now" }).click();
  await saved(3);
  await page.unrouteAll();

  await divert(page, "**/sync", route => route.continue({ postData: of_later(route.request().postDataBuffer(), IN_SYNC) }));
  await run(page, `evercart.add("${BAGEL}", 1)`);
  await said(page, "Needs a look", "The shop has changed since this page was opened.");
  await page.unrouteAll();
  await page.getByRole("button", { name: "Reload the page" }).click();
  await saved(4);

  await stored(DAMAGE);
  await said(page, "Needs a look", "What was kept on this device could not be read.");
  await has(page, BAGEL, 4);

  const user = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
  await run(page, `evercart.signIn({ token: "${user.token}" })`);
  await saved(4);
  await run(page, "evercart.setOnline(false)");
  await run(page, `evercart.add("${BAGEL}", 1)`);
  // So old a token opens nothing more, however its session is used.
  const ended = await older(user.token, 366 * 86_400_000);
  await stored(with_token(ended));
  await said(page, "Needs a look", "This device is signed out.");
  assert.equal(await quantity_of(page), 5, "kept");
  const again = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
  await run(page, `evercart.signIn({ token: "${again.token}" })`);
  await until(page, "evercart.view.totals.quantity === 5 && evercart.status.pending === 0");

  const cart = await run(page, "evercart.view.cart_id");
  await fetch(`${URL_}/v1/carts/${cart}`, { method: "DELETE", headers: { Authorization: `Bearer ${again.token}` } });
  await run(page, "evercart.refresh()");
  await said(page, "Needs a look", "This cart is not there any more.");
  context.errors = context.errors.filter(text => !/503|4\d\d/.test(text));
  await close(context);
});

test("numbers and money are read and written as the reader does", async () => {
  for (const locale of ["de-DE", "ar-EG"]) {
    const context = await device({ locale }), page = await visit(context, "/cart");
    await run(page, `evercart.add("${BAGEL}", 1)`);
    await until(page, "evercart.view.totals.total.amount_minor > 0");
    const field = page.locator(".stepper input");
    await field.fill(new Intl.NumberFormat(locale, { useGrouping: false }).format(1234));
    await field.press("Enter");
    await has(page, BAGEL, 1234);
    const total = await run(page, "evercart.view.totals.total");
    const money = new Intl.NumberFormat(locale, { style: "currency", currency: total.currency }).format(total.amount_minor / 100);
    await page.locator(".line", { hasText: money }).waitFor();
    await page.getByRole("button", { name: new RegExp(new Intl.NumberFormat(locale).format(1234).replace(".", "\\.")) }).first().waitFor();
    await close(context);
  }
});

test("a link signs another device in, merges, and is gone from the address; both are live", async () => {
  const one = await device(), two = await device({ viewport: PHONE });
  const a = await visit(one, "/sign-in"), b = await visit(two);
  await run(a, `evercart.add("${BAGEL}", 2)`);
  await run(b, `evercart.add("${BANANA}", 1)`);
  await settled(a); await settled(b);
  await until(a, "document.querySelector('#sign-in-link').value.includes('#token=')");
  const link = await a.getByLabel("Link to this session").inputValue();
  await b.goto(link);
  await b.waitForSelector("text=Sign in on this device?");
  assert.equal(b.url(), `${URL_}/sign-in`, "the token is not in the address");
  assert.equal(await quantity(b), 0, "nothing is done before it is asked");
  await b.getByRole("button", { name: "Sign in here" }).click();
  await until(b, "location.pathname === '/cart'");
  for (const page of [a, b]) { await has(page, BAGEL, 2); await has(page, BANANA, 1); }
  await a.goto(`${URL_}/cart`);
  await settled(a);
  await tap(line(b, "Bagels").getByRole("button", { name: /^One more/ }), 3);
  await until(a, "[...document.querySelectorAll('.line')].find(line => line.textContent.includes('Bagels'))?.querySelector('input').value === '5'");
  await until(a, "evercart.inspect().version === evercart.inspect().settled_version");
  assert.equal(await run(a, "evercart.view.version"), await run(b, "evercart.view.version"));
  await b.goto(`${URL_}/sign-in#token=forged`);
  await b.getByRole("button", { name: "Sign in here" }).click();
  await b.waitForSelector("text=This link does not work");
  assert.equal(await quantity(b), 5, "the cart stays");
  two.errors = two.errors.filter(text => !text.includes("401"));
  await close(one, two);
});

test("what two devices have made too much together is said at the line", async () => {
  const one = await device(), two = await device(), a = await visit(one, "/cart"), b = await visit(two);
  await settled(a); await settled(b);
  await run(b, `evercart.signIn({ token: ${JSON.stringify(await run(a, "evercart.token()"))} })`);
  await settled(b);
  for (const page of [a, b]) { await run(page, "evercart.setOnline(false)"); await run(page, `evercart.add("${BAGEL}", 6000)`); await run(page, "evercart.setOnline(true)"); }
  await a.locator(".line", { hasText: "More than can be bought at once" }).waitFor();
  await a.locator(".stepper input").fill("9");
  await a.locator(".stepper input").press("Enter");
  await has(b, BAGEL, 9);
  await a.locator(".line .notice").waitFor({ state: "hidden" });
  await close(one, two);
});

test("what other devices did is told, and the toast says nothing that is not so", async () => {
  const one = await device(), two = await device({ viewport: PHONE }), a = await visit(one, "/cart"), b = await visit(two);
  await run(a, `evercart.add("${BAGEL}", 3)`);
  await settled(a); await settled(b);
  await run(b, `evercart.signIn({ token: ${JSON.stringify(await run(a, "evercart.token()"))} })`);
  await has(b, BAGEL, 3);
  await settled(b);
  const toast = a.locator(".toast"), says = text => toast.getByText(text, { exact: true }).waitFor();
  assert.equal(await b.locator(".toast").isVisible(), false, "a cart that is opened is no news");
  await run(b, `evercart.add("${BANANA}", 2)`);
  await says("Added on another device: 2 × Bananas, 40 lb.");
  await until(a, "document.querySelector('body > .live')?.textContent.startsWith('Added on another device')");
  await toast.getByRole("button", { name: "Dismiss" }).click();
  await run(b, "evercart.setQuantity(evercart.view.lines[1].line_id, 7)");
  await says("Set to 7 on another device: Bananas, 40 lb.");
  await run(b, "evercart.decrement(evercart.view.lines[1].line_id, 2)");
  await says("Taken off on another device: 2 × Bananas, 40 lb.");
  await run(b, "evercart.remove(evercart.view.lines[1].line_id)");
  await says("Removed on another device: Bananas, 40 lb.");
  // A removal that another's add outlives.
  await settled(b);
  await run(a, "evercart.setOnline(false)");
  await run(b, `evercart.add("${BAGEL}", 2)`);
  await settled(b);
  await line(a, "Bagels").getByRole("button", { name: /^Remove/ }).last().click();
  await says("Removed Rolls: Bagels, 4 oz");
  await run(a, "evercart.setOnline(true)");
  await has(a, BAGEL, 2);
  await says("Another device added 2 × Rolls: Bagels, 4 oz, so it is in the cart.");
  await run(b, "evercart.remove(evercart.view.lines[0].line_id)");
  await says("Removed on another device: Rolls: Bagels, 4 oz.");
  await close(one, two);
});

test("what is added offline has its name and its price; the shop can be installed", async () => {
  const context = await device(), page = await visit(context);
  await card(page).waitFor();
  const [title, price] = [await card(page).locator("h3").textContent(), await card(page).locator(".price").textContent()];
  await settled(page);
  await run(page, "navigator.serviceWorker.ready.then(() => {})");
  await context.setOffline(true);
  await card(page).getByRole("button", { name: /^Add/ }).click();
  await until(page, "document.querySelector('.pill').textContent === 'Offline, 1 to send'");
  for (const path of ["/cart", "/"]) {
    await page.goto(URL_ + path);
    await until(page, "window.evercart?.view.lines.length === 1");
    if (path === "/") await page.getByRole("button", { name: `Cart: 1 item, ${price}` }).click();
    await line(page, title).getByText(price, { exact: true }).waitFor();
    assert.equal(await page.locator(".totals dd").last().textContent(), price);
    assert.doesNotMatch(await run(page, "document.body.innerText"), /\$0\.00|Product \d|still to come/);
  }
  await context.setOffline(false);
  await settled(page);
  await run(page, "evercart.clear()");
  await until(page, "localStorage.length === 0");
  const { errors, data } = await (await context.newCDPSession(page)).send("Page.getAppManifest");
  assert.deepEqual(errors, []);
  for (const { src, sizes } of JSON.parse(data).icons) {
    const size = await page.evaluate(async src => { const picture = new Image(); picture.src = src; await picture.decode(); return `${picture.naturalWidth}x${picture.naturalHeight}`; }, src);
    if (sizes !== "any") assert.equal(size, sizes);
  }
  await close(context);
});

test("several carts: a new one, and back to the first", async () => {
  const context = await device(), page = await visit(context, "/carts");
  await run(page, `evercart.add("${BAGEL}", 2)`);
  await settled(page);
  const first = await run(page, "evercart.view.cart_id");
  await page.getByRole("button", { name: "Start a new cart" }).click();
  await until(page, "location.pathname === '/cart' && evercart.view.lines.length === 0");
  await settled(page);
  assert.notEqual(await run(page, "evercart.view.cart_id"), first);
  await page.getByRole("link", { name: "Carts", exact: true }).click();
  await page.getByRole("button", { name: "Open Cart 1" }).click();
  await until(page, `evercart.view.cart_id === "${first}"`);
  await has(page, BAGEL, 2);
  await close(context);
});

test("by keyboard alone: search, add, open the cart, change, remove, undo", async () => {
  const context = await device(), page = await visit(context);
  await page.waitForSelector(".card");
  const press = (...keys) => keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve());
  /** Tabs on until the focus is on what has such a name. */
  const to = async name => {
    for (let step = 0; step < 80; step++) {
      if (name.test(await run(page, "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"))) return;
      await press("Tab");
    }
    assert.fail(`Tab does not come to ${name}`);
  };
  await press("Tab");
  assert.equal(await run(page, "document.activeElement.textContent"), "Skip to the content");
  await press("Enter");
  assert.equal(await run(page, "document.activeElement.id"), "main");
  await press("Tab");
  assert.equal(await run(page, "document.activeElement.textContent"), "Skip the departments");
  await press("Enter", "Tab");
  assert.ok(await run(page, "!!document.activeElement.closest('.card')"), "the first product");
  await page.reload();
  await to(/^Search/);
  await page.keyboard.type("bagel");
  await press("Enter");
  await until(page, "document.activeElement.tagName === 'H1' && !!document.querySelector('.card')");
  await to(/^Add to cart/);
  await press("Enter");
  await until(page, "!!document.activeElement.closest('.stepper')");
  await press("Enter", "Enter");
  await until(page, "evercart.view.totals.quantity === 3");
  await page.keyboard.down("Shift");
  await to(/^Cart: 3 items/);
  await page.keyboard.up("Shift");
  await press("Enter");
  await page.getByRole("dialog").waitFor();
  await to(/^Quantity/);
  await page.keyboard.type("7");
  await press("Enter");
  await until(page, "evercart.view.lines[0].quantity === 7");
  await to(/^Remove/);
  await press("Enter");
  await until(page, "document.activeElement.textContent === 'Undo'");
  await press("Enter");
  await until(page, "evercart.view.lines[0]?.quantity === 7");
  await press("Escape");
  assert.match(await run(page, "document.activeElement.getAttribute('aria-label')"), /^Cart: 7 items/);
  await close(context);
});

/** Each page and state, as axe and the ruler look at it: where, how it is come to, and what is to be done when it has
 * been seen. */
const STATES = {
  browse: ["/", page => page.waitForSelector(".card")],
  searched: ["/?q=bagel", page => page.waitForSelector(".card")],
  "nothing found": ["/?q=zzzzz", page => page.waitForSelector("text=Nothing in the catalog")],
  product: [`/product/${BAGEL}`, page => page.waitForSelector(".others .card")],
  "no product": ["/product/nope", page => page.waitForSelector("text=There is no such product")],
  cart: ["/cart", page => page.waitForSelector("text=Saved for later")],
  "empty cart": ["/cart", async page => { await run(page, "evercart.clear()"); await page.waitForSelector("text=Your cart is empty."); }, page => run(page, "evercart.undo()")],
  "no catalog": ["/", async page => { await page.route("**/v1/products*", route => route.abort()); await page.getByRole("searchbox").fill("soup"); await page.waitForSelector("text=The catalog does not answer"); }],
  "not kept": ["/cart", async page => { await fill_storage(page); await run(page, "void evercart.setNote('x')"); await said(page, "Not kept here", "Has no room"); }],
  "needs a look": ["/cart", async page => { await refuse(page, 422, "too_many_lines"); await run(page, "void evercart.setNote('y').catch(() => {})"); await said(page, "Needs a look", "The service refused"); }],
  "bad link": ["/sign-in#token=x", async page => { await page.getByRole("button", { name: "Sign in here" }).click(); await page.waitForSelector("text=This link does not work"); }],
  refused: ["/cart", async page => { await page.getByLabel("Coupon code").fill("a b"); await page.getByRole("button", { name: "Apply" }).click(); }],
  drawer: ["/", async page => { await page.waitForSelector(".card"); await page.getByRole("button", { name: /^Cart: / }).click(); await page.waitForSelector("dialog[open] .line"); }],
  undo: ["/", async page => { await page.getByRole("button", { name: /^Cart: / }).click(); await page.locator("dialog .line").first().getByRole("button", { name: /^Remove/ }).last().click(); await page.waitForSelector(".toast"); }],
  status: ["/cart", page => page.locator(".pill").click()],
  offline: ["/cart", async page => { await run(page, "evercart.setOnline(false)"); await until(page, "document.querySelector('.pill').textContent.startsWith('Offline')"); }],
  carts: ["/carts", page => page.waitForSelector(".carts li")],
  devices: ["/sign-in", page => until(page, "document.querySelector('#sign-in-link').value")],
  "sign in": ["/sign-in#token=x", page => page.waitForSelector("text=Sign in on this device?")],
};

async function filled(context) {
  const page = await visit(context, "/cart");
  await run(page, `evercart.commands([{ op: "add", sku: "${BAGEL}", quantity: 2 }, { op: "add", sku: "${BANANA}" }, { op: "add", sku: "${NOT_FOR_SALE}" }, { op: "add", sku: "1000050" }, { op: "apply_coupon", code: "SAVE10" }])`);
  await run(page, "evercart.save(evercart.view.lines[1].line_id)");
  await settled(page);
  await page.close();
}

/** Looks at each page and state. */
async function each_state(context, look) {
  for (const [state, [path, reach, leave]] of Object.entries(STATES)) {
    const page = await visit(context, path);
    await reach(page);
    await look(page, state);
    await leave?.(page);
    await page.close();
  }
  context.errors = context.errors.filter(text => !/40[14]|422/.test(text));
}

const overflow = page => run(page, `(() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  return wide > 0 ? [wide, ...[...document.querySelectorAll("body *")].filter(one => { const { left, right } = one.getBoundingClientRect(); return right > innerWidth + 1 || left < -1; }).slice(0, 5).map(one => one.outerHTML.slice(0, 120))] : [];
})()`);

test("no heading is without words while what is below it comes", async () => {
  const context = await device();
  let go;
  const held = new Promise(gone => { go = gone; });
  await context.route(/\/v1\/products\?/, async route => { await held; await route.continue(); });
  const page = await visit(context, `/product/${BAGEL}`);
  await page.locator(".others .waits").first().waitFor();
  assert.deepEqual(await page.locator("h1, h2, h3").filter({ visible: true }).evaluateAll(all => all.filter(one => !one.textContent.trim()).map(one => one.outerHTML)), []);
  go();
  await page.locator(".others .waits").first().waitFor({ state: "detached" });
  await close(context);
});

for (const colorScheme of ["light", "dark"]) for (const [name, viewport] of Object.entries({ phone: PHONE, desktop: DESK })) {
  test(`axe-core finds nothing on any page, ${name}, ${colorScheme}`, async () => {
    const context = await device({ viewport, colorScheme });
    await filled(context);
    await each_state(context, async (page, state) => {
      // What lies below the fixed header by chance is no fault.
      await run(page, "scrollTo(0, 0)");
      await page.evaluate(AXE);
      const found = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      const violations = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`).join("\n   ")}`);
      assert.deepEqual(violations, [], state);
      assert.ok(found.passes.length > 20, state);
      assert.deepEqual(await overflow(page), [], `${state} scrolls sideways`);
    });
    await close(context);
  });
}

test("nothing scrolls sideways at 320 px, nor from right to left, and targets are large", async () => {
  for (const rtl of [false, true]) {
    const context = await device({ viewport: { width: 320, height: 640 } });
    await filled(context);
    await each_state(context, async (page, state) => {
      if (rtl) await run(page, "document.documentElement.dir = 'rtl'");
      assert.deepEqual(await overflow(page), [], `${state}${rtl ? ", rtl" : ""}`);
      const small = await run(page, `[...document.querySelectorAll("button, input, textarea, .button")].filter(one => one.checkVisibility() && !one.closest(".skip"))
        .map(one => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()]).filter(([, box]) => box.height < 42 || box.width < 24).map(([html]) => html)`);
      assert.deepEqual(small, [], state);
    });
    await close(context);
  }
});
