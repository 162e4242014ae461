// Addresses of the Worker at URL: each page has its status, its title, and words for those who find it or link to it;
// what is not there is said so, to people by a page, to programs by a problem.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EVENTUALLY_MS, URL_, chrome } from "./chrome.mjs";

const HTML = "text/html,application/xhtml+xml,*/*;q=0.8";
let browser;
before(async () => { browser = await chrome(); });
after(() => browser?.close());

const ask = (path, accept = HTML) => fetch(URL_ + path, { headers: { Accept: accept }, redirect: "manual" });
const title = text => /<title>(.*)<\/title>/.exec(text)?.[1];
/** What a page says of itself to those who link to it. */
const told = (text, name) => new RegExp(`<meta (?:name|property)="${name}" content="([^"]*)">`).exec(text)?.[1];

test("each page has a title, a description and a picture", async () => {
  const titles = { "/": "All products", "/cart": "Your cart", "/carts": "Carts", "/sign-in": "Other devices", "/lab": "The lab", "/product/1095275": "Rolls: Bagels, 4 oz" };
  for (const [path, name] of Object.entries(titles)) {
    const answer = await ask(path), text = await answer.text();
    assert.deepEqual([answer.status, title(text)], [200, `${name} · Evercart`], path);
    assert.match(text, /<h1[^>]*>[^<]+<\/h1>/, path);
    for (const word of ["description", "og:title", "og:description", "og:image"]) assert.ok(told(text, word)?.length > 3, `${path} ${word}`);
    const picture = await ask(new URL(told(text, "og:image"), URL_).pathname, "image/png");
    assert.deepEqual([picture.status, picture.headers.get("content-type")], [200, "image/png"], path);
  }
  const product = await (await ask("/product/1095275")).text();
  assert.equal(told(product, "og:title"), "Rolls: Bagels, 4 oz");
  assert.match(told(product, "description"), /Bagels.*\$0\.50/);
});

test("a last slash leads to the page without it", async () => {
  for (const path of ["/cart", "/carts", "/sign-in", "/product/1095275", "/lab"]) {
    const answer = await ask(`${path}/?q=1`);
    assert.ok([307, 308].includes(answer.status), `${path}: ${answer.status}`);
    const to = new URL(answer.headers.get("location"), URL_);
    assert.deepEqual([to.pathname, to.search], [path, "?q=1"]);
  }
});

test("what is not there is said, to people by a page, to programs by a problem", async () => {
  for (const path of ["/nothing", "/cart/nothing", "/product/", "/product", "/product/gone"]) {
    const answer = await ask(path);
    assert.deepEqual([answer.status, title(await answer.text())], [404, "There is nothing here · Evercart"], path);
    assert.match(answer.headers.get("content-security-policy"), /default-src 'none'/, path);
  }
  for (const [path, accept] of [["/nothing", "application/json"], ["/v1/nothing", HTML], ["/v1/carts/", HTML]]) {
    const answer = await ask(path, accept);
    assert.deepEqual([answer.status, (await answer.json()).code], [404, "not_found"], path);
  }
  assert.equal((await fetch(`${URL_}/nothing`, { method: "POST" })).status, 404);
  const page = await browser.newPage();
  page.setDefaultTimeout(EVENTUALLY_MS);
  await page.goto(`${URL_}/nothing`);
  assert.equal(await page.locator("h1").textContent(), "There is nothing here");
  // The same when the shop has taken over.
  await page.locator(".pill", { hasText: "Saved" }).waitFor();
  assert.equal(await page.locator("h1").textContent(), "There is nothing here");
  await page.getByRole("link", { name: "See all products" }).click();
  await page.waitForSelector(".card");
  assert.equal(new URL(page.url()).pathname, "/");
  await page.close();
});
