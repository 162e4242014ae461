// The lab in a real Chromium against the real Worker at URL: every golden scenario that can be played, each fault by
// its switch, and what anybody must be able to read and reach. `tools/test_browser` starts both. Other tests of the
// browser run beside this and are at home in weur: that region is never cut here.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { EVENTUALLY_MS, URL_, chrome } from "./chrome.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const PHONE = { width: 390, height: 844 }, DESKTOP = { width: 1280, height: 800 };
const PLAYED = 36;

const scenarios = (await readFile(new URL("../../crates/cart-core/tests/golden/scenarios.txt", import.meta.url), "utf8"))
  .split(/^scenario /m).slice(1).map(text => {
    const [head, ...lines] = text.split("\n");
    return { id: head.split(" ")[0], then: lines.find(line => /^then\b/.test(line)).split(" ").slice(1).sort(), checkout: lines.some(line => /^\w+ checkout/.test(line)) };
  });

let browser, shared;
before(async () => {
  browser = await chrome();
  shared = await lab();
});
after(async () => { await browser?.close(); });

/** The lab, ready. What its console says is wrong is kept. */
async function lab(options = {}, prepare = async () => {}) {
  const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(EVENTUALLY_MS);
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", error => page.faults.push(error.stack));
  page.on("console", message => { if (message.type() === "error") page.faults.push(message.text()); });
  await prepare(page);
  await page.goto(`${URL_}/lab`);
  await page.waitForSelector("#player[data-state=idle]", { timeout: EVENTUALLY_MS });
  return page;
}
const anew = async page => { await page.click("#anew"); await page.waitForSelector("#player[data-state=idle]"); };
async function play(page, id, speed = "0") {
  await page.selectOption("#speed", speed);
  await page.click(`[data-play=${id}]`);
  if (speed === "step") return;
  await page.waitForSelector(`#player[data-scenario=${id}][data-state=done]`, { timeout: EVENTUALLY_MS });
}
const next = async page => {
  await page.waitForSelector("#player[data-state=waiting]", { timeout: EVENTUALLY_MS });
  await page.click("#step");
};
const card = (page, name) => page.locator(`.card[data-name=${name}]`);
const press = (page, name, label) => card(page, name).getByRole("button", { name: label }).first().click();
const toggle = (page, name) => card(page, name).getByRole("switch").click();
const equal = page => page.waitForSelector(".equal[data-equal=true]", { timeout: EVENTUALLY_MS });
const digests = page => page.$$eval(".card", cards => cards.map(card => card.dataset.digest));
/** What a card shows, read off the page, in the words of the file. */
const shown = (page, name) => card(page, name).evaluate(card => [
  ...[...card.querySelectorAll(".line:not(.none)")].map(line => {
    const text = of => line.querySelector(of)?.textContent ?? "";
    const name = text(".letter") + text("em").replace(/ “(.*)”/, "[$1]");
    const amount = line.querySelector(".quantity").lastChild.textContent.replaceAll(/\D/g, "");
    return `${name}${text("small").includes("saved") ? "~" : ":"}${amount}${text(".problem") ? "!over_limit" : ""}`;
  }),
  ...[...card.querySelectorAll(".tags span")].map(tag => tag.textContent.replace(/^coupon /, "coupon=").replace(/^note “(.*)”$/, "note=$1")),
].sort());
const quantity = async (page, name) => Number((await shown(page, name)).find(word => word.startsWith("X:"))?.slice(2) ?? 0);
const until = async check => {
  for (let turn = 0; turn < EVENTUALLY_MS / 250; turn++) { if (await check()) return; await new Promise(next => setTimeout(next, 250)); }
  assert.fail(`never: ${check}`);
};

const played = [];
for (const { id, then } of scenarios.filter(({ checkout }) => !checkout)) {
  test(`${id} is played, and ends as the design says`, async () => {
    shared.faults.length = 0;
    await play(shared, id);
    assert.equal(await shared.getAttribute("#verdict", "data-verdict"), "expected", await shared.textContent("#verdict"));
    for (const name of ["weur", "enam", "apac"]) assert.deepEqual(await shown(shared, name), then, name);
    assert.equal(await shared.getAttribute(".equal", "data-equal"), "true");
    // In people's words: what it is called, and why it ends so.
    assert.match(await shared.textContent("#playing h2"), /^\p{Lu}.{8,}$/u);
    assert.match(await shared.textContent("#verdict .why"), /^\p{Lu}.{40,}\.$/u);
    assert.equal(new URL(shared.url()).search, `?play=${id}&end`);
    // A refusal that is to be is said by the browser too.
    assert.deepEqual(shared.faults.filter(fault => !(id === "S37" && /409/.test(fault))), []);
    played.push(id);
  });
}

test("none is left out", async () => {
  const listed = await shared.$$eval("[data-play]", all => all.map(button => button.dataset.play));
  const lacking = await shared.$$eval("[data-lacks]", all => all.map(entry => [entry.dataset.lacks, entry.textContent.includes("Needs checkout")]));
  assert.deepEqual(lacking, [["S18", true], ["S19", true]]);
  assert.deepEqual([...listed, "S18", "S19"].sort(), scenarios.map(({ id }) => id).sort());
  assert.equal(played.length, PLAYED);
});

test("a play that ends otherwise is said to", async () => {
  const page = await lab({}, page => page.route(/assets\/lab-.*\.js/, async route => {
    const response = await route.fetch(), text = await response.text();
    assert.match(text, /then X:6/);
    await route.fulfill({ response, body: text.replace("then X:6", "then X:7") });
  }));
  await play(page, "S2");
  assert.equal(await page.getAttribute("#verdict", "data-verdict"), "different");
  assert.match(await page.textContent("#verdict"), /It should be X:7.*Device A: X:6/s);
  await page.context().close();
});

test("two devices are cut off, edit, and are joined again", async () => {
  const page = await lab();
  await press(page, "A", /^Add Bagels/);
  await until(async () => await quantity(page, "B") === 1);
  await equal(page);
  for (const name of ["A", "B"]) await toggle(page, name);
  await press(page, "A", /^Add Bagels/);
  await press(page, "B", /^One more of Bagels/);
  await press(page, "B", /^Add Bananas/);
  await until(async () => await quantity(page, "A") === 2 && (await shown(page, "B")).length === 2);
  assert.equal(await card(page, "A").locator(".dot.pending").count(), 1, "hollow while it is not sent");
  assert.match(await card(page, "B").textContent(), /2 changes not sent/);
  assert.equal(await quantity(page, "enam"), 1, "the regions have not heard");
  assert.equal(new Set(await digests(page)).size, 3);
  for (const name of ["A", "B"]) await toggle(page, name);
  await until(async () => new Set(await digests(page)).size === 1 && await quantity(page, "A") === 3);
  assert.deepEqual(await shown(page, "apac"), ["X:3", "Y:1"]);
  assert.equal(await page.locator(".card .dot.pending").count(), 0);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a region is cut off, and linked again", async () => {
  const page = await lab();
  await press(page, "A", /^Add Bagels/);
  await until(async () => await quantity(page, "B") === 1);
  await equal(page);
  await toggle(page, "enam");
  await page.waitForSelector(".card[data-name=enam].off");
  await press(page, "A", /^Add Bagels/);
  await press(page, "B", /^Add Bananas/);
  await until(async () => await quantity(page, "apac") === 2 && (await shown(page, "enam")).length === 2);
  assert.deepEqual([await shown(page, "weur"), await shown(page, "enam")], [["X:2"], ["X:1", "Y:1"]]);
  await toggle(page, "enam");
  await until(async () => new Set(await digests(page)).size === 1);
  assert.deepEqual(await shown(page, "A"), ["X:2", "Y:1"]);
  // Who leaves heals what was cut.
  await toggle(page, "apac");
  await page.waitForSelector(".card[data-name=apac].off");
  await page.goto("about:blank");
  await until(async () => (await (await fetch(`${URL_}/v1/admin/faults`)).json()).cut.length === 0);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a clock that is wrong changes nothing that is added", async () => {
  const page = await lab();
  await card(page, "A").locator("summary").click();
  await card(page, "A").getByLabel(/^Clock/).selectOption({ label: "20 years fast" });
  assert.match(await card(page, "A").textContent(), /clock 20 years fast/);
  await press(page, "A", /^Add Bagels/);
  await card(page, "A").getByLabel(/^Quantity of Bagels/).fill("7");
  await card(page, "A").getByLabel(/^Quantity of Bagels/).press("Enter");
  await until(async () => await quantity(page, "B") === 7);
  await press(page, "B", /^One more of Bagels/);
  await until(async () => new Set(await digests(page)).size === 1 && await quantity(page, "A") === 8);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("devices come, move, and go; everything that a device can do is done", async () => {
  const page = await lab();
  for (const name of ["C", "D"]) { await page.click("#add"); await page.waitForSelector(`.card[data-name=${name}]`); }
  await page.click("#add");
  await press(page, "D", /^Add Bagels/);
  await press(page, "D", /^Add Bananas/);
  await until(async () => (await shown(page, "C")).length === 2);
  await press(page, "C", /^Save Bagels/);
  await press(page, "C", /^One less of Bananas/);
  await until(async () => (await shown(page, "A")).join() === "X~1");
  await press(page, "A", /^Back to the cart with Bagels/);
  await card(page, "B").locator("summary").click();
  for (const [field, text] of [["Note", "ring twice"], ["Coupon", "SPRING"]]) {
    await card(page, "B").getByRole("textbox", { name: field }).fill(text);
    await card(page, "B").getByRole("textbox", { name: field }).press("Enter");
  }
  await until(async () => (await shown(page, "D")).join() === "X:1,coupon=SPRING,note=ring twice");
  await press(page, "B", /^Remove coupon SPRING/);
  await press(page, "D", /^Remove Bagels/);
  await until(async () => (await shown(page, "A")).join() === "note=ring twice");
  await card(page, "B").getByLabel(/^Region/).selectOption("apac");
  await press(page, "A", /^Add Strawberries/);
  await until(async () => (await shown(page, "B")).includes("Z:1"));
  await press(page, "B", /^Clear the cart/);
  await until(async () => (await shown(page, "A")).join() === "note=ring twice");
  await card(page, "D").locator("summary").click();
  await press(page, "D", /^Remove the device/);
  assert.equal(await page.locator(".card.device").count(), 3);
  await equal(page);
  await anew(page);
  assert.deepEqual([await page.locator(".card.device").count(), await shown(page, "A")], [2, []]);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a play can be stepped, hurried and given up", async () => {
  const page = await lab();
  await play(page, "S3", "step");
  await next(page);
  await page.waitForSelector("#player[data-state=waiting]");
  assert.match(await page.textContent("#narration"), /A adds 3 × Bagels/);
  assert.ok(await card(page, "A").getByRole("switch").isDisabled(), "nobody else acts meanwhile");
  await page.selectOption("#speed", "0");
  await page.waitForSelector("#player[data-state=done]", { timeout: EVENTUALLY_MS });
  assert.equal(await page.getAttribute("#verdict", "data-verdict"), "expected");
  await play(page, "S31", "step");
  await next(page); await next(page); await next(page);
  await page.waitForSelector(".card[data-name=enam].off");
  await anew(page);
  assert.equal(await page.locator(".card.off").count(), 0, "what a play has cut is healed");
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("where regions cannot be cut, the page says so, and plays all else", async () => {
  const page = await lab({}, page => page.route("**/v1/admin/faults", route => route.fulfill({ status: 404, contentType: "application/problem+json", body: '{"code":"not_found","detail":""}' })));
  assert.equal(await card(page, "weur").getByRole("switch").count(), 0);
  assert.ok(await page.getByText("The regions of this service cannot be chosen or cut off from here").isVisible());
  assert.match(await page.textContent("[data-lacks=S31]"), /Needs regions that can be cut off/);
  await play(page, "S3");
  assert.equal(await page.getAttribute("#verdict", "data-verdict"), "expected");
  await page.context().close();
});

test("it opens in words, calm and equal; the signs are there for who asks, and stay", async () => {
  const page = await lab();
  assert.equal(await page.getAttribute(".equal", "data-equal"), "true", "as it opens");
  assert.equal(new Set(await digests(page)).size, 1);
  await press(page, "A", /^Add Bagels/);
  await until(async () => await quantity(page, "apac") === 1);
  const signs = card(page, "B").locator(".dots, .seen, .letter, code");
  const seen = async () => (await signs.evaluateAll(all => all.map(one => one.checkVisibility()))).some(is => is);
  assert.equal(await seen(), false);
  await page.getByRole("button", { name: "Show what it is made of" }).click();
  assert.equal(await seen(), true);
  assert.equal(await card(page, "B").locator(".dot").getAttribute("title"), "A1, a change of device A: 1 more; its region has it");
  await page.getByText("What the signs mean").click();
  assert.ok(await page.locator(".legend dd", { hasText: "A dot: the first change of device A" }).isVisible());
  await page.reload();
  await page.waitForSelector("#player[data-state=idle]");
  assert.equal(await seen(), true, "it is kept");
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a story has an address, and so has its end", async () => {
  const page = await lab();
  await page.goto(`${URL_}/lab?play=S7&end`);
  await page.waitForSelector("#player[data-scenario=S7][data-state=done]");
  assert.match(await page.textContent("#verdict"), /9 was set later/);
  await page.goto(`${URL_}/lab?play=S3`);
  await page.waitForSelector("#player[data-scenario=S3][data-state=waiting]");
  assert.equal(await page.textContent("#playing h2"), "Two people, one bag of bagels");
  await anew(page);
  assert.equal(new URL(page.url()).search, "");
  await page.goto(`${URL_}/lab?play=nothing`);
  await page.waitForSelector("#player[data-state=idle]");
  await until(async () => /There is no such scenario/.test(await page.textContent("#narration")));
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

for (const [size, viewport] of [["phone", PHONE], ["desktop", DESKTOP]]) for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing, ${size}, ${colorScheme}`, async () => {
    const page = await lab({ viewport, colorScheme, bypassCSP: true });
    const check = async when => {
      await page.addScriptTag({ path: AXE });
      const { violations, passes } = await page.evaluate(() => axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`), [], when);
      assert.ok(passes.length > 20);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${when}: nothing runs out at the side`);
    };
    await card(page, "A").locator("summary").click();
    await press(page, "A", /^Add Bagels/);
    await toggle(page, "B");
    await check("by hand");
    await page.click("#notation");
    await page.locator(".legend summary").click();
    await check("with the signs");
    await page.evaluate(() => { document.documentElement.dir = "rtl"; });
    await check("from right to left");
    await page.evaluate(() => { document.documentElement.dir = ""; });
    await play(page, "S3", "step");
    for (let beats = 0; beats < 4; beats++) await next(page);
    await page.waitForSelector("#player[data-state=waiting]");
    await check("in a play");
    await page.selectOption("#speed", "0");
    await page.waitForSelector("#verdict[data-verdict=expected]", { timeout: EVENTUALLY_MS });
    await check("at its end");
    await page.context().close();
  });
}
