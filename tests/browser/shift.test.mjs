// Nothing moves while a page comes: what is still unknown has its room from the first paint. Each page is loaded in a
// real Chromium against the real Worker at URL with its parts late and one after the other, and the browser says by
// how much what was seen has moved (web-vitals, "layout shift").
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EVENTUALLY_MS, URL_, chrome } from "./chrome.mjs";

/** What Lighthouse and searchers call good is 0.1. */
const SHIFT_MAX = 0.05;
/** By how much each part is late, so that each is painted by itself, in milliseconds. */
const LATE_MS = 400;
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
const BAGEL = "1095275";
/** Each page, and what is there when all of it has come. */
const PAGES = {
  home: ["/", ".card .price"],
  department: ["/?category=SALAD%20BAR", ".card .price"],
  search: ["/?q=bagel", ".card .price"],
  product: [`/product/${BAGEL}`, ".others .card .price"],
  cart: ["/cart", ".line .total"],
  nothing: ["/cart", ".cart .empty:not([hidden])"],
  carts: ["/carts", ".carts li"],
  devices: ["/sign-in", "#sign-in-link"],
  lab: ["/lab", "#player[data-state=idle]"],
};
let browser;
before(async () => { browser = await chrome(); });
after(() => browser?.close());

/** A part of the page comes late: the catalog by as much again, its departments by twice that. */
const late = async (page, path, turns) => page.route(path, async route => {
  await new Promise(come => setTimeout(come, turns * LATE_MS));
  await route.continue().catch(() => {});
});

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const [name, [path, come]] of Object.entries(PAGES)) {
    test(`what is seen of ${name} stays where it is, ${size}`, async () => {
      const context = await browser.newContext({ viewport, serviceWorkers: "block" });
      context.setDefaultTimeout(EVENTUALLY_MS);
      if (name === "cart") await fill(context);
      const page = await context.newPage();
      await page.addInitScript(() => {
        window.shifts = [];
        new PerformanceObserver(list => {
          for (const { value, hadRecentInput, sources } of list.getEntries())
            if (!hadRecentInput) window.shifts.push([value, ...sources.map(({ node, previousRect, currentRect }) =>
              `${(node?.outerHTML ?? node?.textContent ?? "").slice(0, 60)} ${Math.round(previousRect.top)}→${Math.round(currentRect.top)} ${Math.round(previousRect.left)}→${Math.round(currentRect.left)}`)]);
        }).observe({ type: "layout-shift", buffered: true });
      });
      await late(page, "**/*.wasm", 1);
      await late(page, "**/v1/products?*", 2);
      await late(page, `**/v1/products/${BAGEL}`, 2);
      await late(page, "**/v1/products?size=1", 4);
      await late(page, "**/sync", 3);
      await page.goto(URL_ + path);
      await page.waitForSelector(come);
      // The departments and the connection come last.
      await page.waitForTimeout(5 * LATE_MS);
      const shifts = await page.evaluate("shifts"), sum = shifts.reduce((sum, [value]) => sum + value, 0);
      assert.ok(sum <= SHIFT_MAX, `${sum.toFixed(3)}:\n${shifts.map(one => one.join("\n    ")).join("\n")}`);
      await context.close();
    });
  }
}

async function fill(context) {
  const page = await context.newPage();
  await page.goto(`${URL_}/cart`);
  for (let turn = 0; turn < EVENTUALLY_MS / 100 && !await page.evaluate("window.evercart !== undefined"); turn++) await page.waitForTimeout(100);
  await page.evaluate(`evercart.commands([{ op: "add", sku: "${BAGEL}", quantity: 2 }, { op: "add", sku: "1082185" }, { op: "apply_coupon", code: "SAVE10" }])`);
  await page.evaluate("evercart.settled()");
  await page.close();
}
