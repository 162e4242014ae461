// The page that shows the API to people, at /docs, in a real Chromium against the real Worker at URL.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { EVENTUALLY_MS, URL_, chrome } from "./chrome.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
/** How the renderer is made; all else is this page's own. */
const OF_THE_RENDERER = ["heading-order", "nested-interactive", "region"];
let browser;
before(async () => { browser = await chrome(); });
after(() => browser?.close());

/** The page, when all of it is there; what it reports is an error. */
async function opened(look, options = {}) {
  const context = await browser.newContext(options), page = await context.newPage(), errors = [];
  context.setDefaultTimeout(EVENTUALLY_MS);
  page.on("pageerror", error => errors.push(String(error)));
  page.on("console", message => { if (message.type() === "error") errors.push(message.text()); });
  await page.goto(`${URL_}/docs`);
  await page.locator(".opblock").first().waitFor();
  await look(page);
  await context.close();
  assert.deepEqual(errors, []);
}

test("every path is there, with what it takes, under the policy of all pages", () => opened(async page => {
  const { paths } = JSON.parse(await readFile(new URL("../../web/openapi.json", import.meta.url), "utf8"));
  const methods = Object.values(paths).flatMap(item => Object.keys(item).filter(key => ["get", "post", "put", "patch", "delete"].includes(key)));
  assert.equal(await page.locator(".opblock").count(), methods.length);
  assert.match((await page.request.get(`${URL_}/docs`)).headers()["content-security-policy"], /style-src 'self'/);
  await page.locator("#operations-lines-addLine").getByRole("button", { name: /lines/ }).first().click();
  await page.locator("#operations-lines-addLine").getByText("Adds sum. The same sku, variant and customization are one line.").waitFor();
}));

test("a path can be tried where it stands", () => opened(async page => {
  const health = page.locator("#operations-service-healthz");
  await health.getByRole("button").first().click();
  await health.getByRole("button", { name: "Try it out" }).click();
  await health.getByRole("button", { name: "Execute" }).click();
  await health.locator(".live-responses-table").getByText('"status"').first().waitFor();
  assert.match(await health.locator(".live-responses-table .response .response-col_status").first().innerText(), /200/);
}));

for (const colorScheme of ["light", "dark"])
  for (const width of [1280, 390])
    test(`it fits ${width} pixels and can be read by all, ${colorScheme}`, () => opened(async page => {
      assert.ok(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"));
      // As the browser's developer tools would, past the policy.
      const found = await page.context().newCDPSession(page).then(async session => {
        await session.send("Runtime.evaluate", { expression: await readFile(AXE, "utf8") });
        const asked = "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))";
        const { result } = await session.send("Runtime.evaluate", { expression: asked, awaitPromise: true, returnByValue: true });
        return result.value.filter(([id]) => !OF_THE_RENDERER.includes(id));
      });
      if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/docs-${width}-${colorScheme}.png` });
      assert.deepEqual(found, []);
    }, { colorScheme, viewport: { width, height: 900 } }));
