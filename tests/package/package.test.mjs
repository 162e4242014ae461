// The packed tarball where developers are: each place installs it afresh, and uses it against the real Worker at URL.
// `tools/test_package` starts it; PLACES has the names of those that are asked for, or is empty for all of them.
import assert from "node:assert/strict";
import { cp, readFile, readdir } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { URL_, serve } from "../browser/chrome.mjs";
import { APP, HTML, leave, page, place, port, visit, works } from "./place.mjs";

const REACT = ["react@19.3.1", "react-dom@19.3.1"];
const EXAMPLES = new URL("../../examples", import.meta.url).pathname;
const WORKER = JSON.stringify(URL_);
const asked = (process.env.PLACES ?? "").split(" ").filter(Boolean);
const known = new Set();
/** A place's test, if it is asked for. */
function at(name, check) {
  known.add(name);
  if (!asked.length || asked.includes(name)) test(name, check);
}
after(leave);

/** Serves a folder for a while, with headers. */
async function served(folder, look, headers = {}) {
  const server = await serve(folder, headers);
  try { await look(server.url); } finally { server.close(); server.closeAllConnections(); }
}

// ---- bundlers

for (const version of ["5.4.21", "6.4.6", "7.3.8", "8.3.8"]) {
  at(`vite-${version[0]}`, () => place([`vite@${version}`, ...REACT], { "index.html": HTML("/main.js"), "main.js": page() },
    async ({ folder, run, bin, serves }) => {
      // As it is developed: what it has not met yet it meets while the page loads.
      const free = await port();
      await visit(await serves(free, bin("vite"), "--port", String(free), "--strictPort"), works);
      await run(bin("vite"), "build");
      await served(join(folder, "dist"), url => visit(url, works));
    }));
}

at("esbuild", () => place(["esbuild@0.28.2", ...REACT], {
  "public/index.html": HTML("/main.js"), "main.js": page(),
  "given.js": `import wasm from "evercart/evercart.wasm";\n${page("{ wasm }")}`,
}, async ({ folder, run, bin }) => {
  const build = ["--bundle", "--format=esm", "--target=es2022", "--define:process.env.NODE_ENV=\"production\""];
  const is = join(folder, "public");
  await run(bin("esbuild"), "main.js", ...build, "--outfile=public/main.js");
  // Nobody has put the Wasm there: the page says so, and what to do.
  await served(is, url => visit(url, async page => {
    await page.getByText(/^wasm_missing: .*evercart\.wasm.*connect\(\{ wasm \}\)/).waitFor();
    await page.locator("ever-cart").getByText("The cart cannot be shown here.").waitFor();
  }, error => error.includes("404")));
  await run("cp", "node_modules/evercart/dist/evercart.wasm", "public/");
  await served(is, url => visit(url, works));
  await run("rm", "public/evercart.wasm");
  await run(bin("esbuild"), "given.js", ...build, "--loader:.wasm=file", "--public-path=/", "--outfile=public/main.js");
  await served(is, url => visit(url, works));
}));

at("webpack", () => place(["webpack@5.113.0", "webpack-cli@7.3.1", ...REACT], { "dist/index.html": HTML("/main.js"), "main.js": page() },
  async ({ folder, run, bin }) => {
    for (const mode of ["development", "production"]) {
      await run(bin("webpack"), "--mode", mode, "--entry", "./main.js");
      await served(join(folder, "dist"), url => visit(url, works));
    }
  }));

// ---- frameworks

const CONFIG = "export default { reactStrictMode: true };\n";
const LAYOUT = `export default ({ children }) => <html lang="en"><body>{children}</body></html>;
`;
const PROVIDED = `"use client";
import { createElement as h } from "react";
import { EvercartProvider, useCart } from "evercart/react";
import "evercart/element";
${APP}
export default function Page() { return h(App); }
`;
/** A cart of the module, which a server runs too. */
const OF_A_MODULE = `"use client";
import { createElement as h } from "react";
import { connect } from "evercart";
import { useCart } from "evercart/react";
const mine = connect({ url: ${WORKER}, storage: "module" });
${APP.replace("useCart()", "useCart(mine)").replace(/function App[^]*/, "")}
export default function Page() { return h(Count); }
`;
/** One of the server alone. */
const OF_THE_SERVER = `import { connect } from "evercart";
import { EvercartProvider } from "evercart/react";
export const dynamic = "force-dynamic";
export default async function Page() {
  const cart = await connect({ url: ${WORKER}, live: false });
  await cart.add("1095275", 3);
  await cart.settled();
  const { quantity } = cart.view.lines[0];
  await cart.close();
  return <EvercartProvider url={${WORKER}}><p>{quantity} on the server</p></EvercartProvider>;
}
`;
at("next", () => place(["next@16.4.6", ...REACT], {
  "next.config.mjs": CONFIG, "app/layout.jsx": LAYOUT, "app/page.jsx": PROVIDED, "app/module/page.jsx": OF_A_MODULE,
  "app/server/page.jsx": OF_THE_SERVER,
}, async ({ run, bin, serves }) => {
  const look = async url => {
    await visit(url, works);
    await visit(`${url}module`, async page => {
      await page.getByRole("button", { name: "Add two" }).click();
      await page.getByText("2 there, 0 to send").waitFor();
    });
    await visit(`${url}server`, page => page.getByText("3 on the server").waitFor());
  };
  const one = await port(), two = await port(), three = await port();
  await look(await serves(one, bin("next"), "dev", "--port", String(one)));
  await run(bin("next"), "build");
  await look(await serves(two, bin("next"), "start", "--port", String(two)));
  await run(bin("next"), "build", "--webpack");
  await look(await serves(three, bin("next"), "start", "--port", String(three)));
}));

const ISLAND = `---
import { connect } from "evercart";
import "evercart/element";
const cart = await connect({ url: ${WORKER} });
await cart.add("1095275", 3);
await cart.settled();
const { quantity } = cart.view.lines[0];
await cart.close();
---
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>place</title></head>
<body>
<p>{quantity} on the server</p>
<p id="said"></p>
<ever-cart url=${WORKER} storage="element"></ever-cart>
<script>
import { connect } from "evercart";
import "evercart/element";
const cart = await connect({ url: ${WORKER} });
await cart.add("1095275", 2);
await cart.settled();
document.getElementById("said").textContent = cart.view.lines[0].quantity + " there";
</script>
</body>
</html>
`;
at("astro", () => place(["astro@7.3.5"], { "src/pages/index.astro": ISLAND,
}, async ({ folder, run, bin, serves }) => {
  const look = page => Promise.all(["3 on the server", "2 there"].map(text => page.getByText(text, { exact: true }).waitFor())
    .concat(page.locator("ever-cart").getByText("The cart is empty.").waitFor()));
  const free = await port();
  await visit(await serves(free, bin("astro"), "dev", "--port", String(free)), look);
  await run(bin("astro"), "build");
  await served(join(folder, "dist"), url => visit(url, look));
}));

// ---- servers

/** Imports all, and has a cart in memory, which is told by itself, offline and without a place to ask. */
const SCRIPT = `
import assert from "node:assert/strict";
import { connect, EvercartError } from "evercart";
import * as react from "evercart/react";
import { EverCart } from "evercart/element";
assert.equal(typeof react.EvercartProvider, "function");
assert.equal(typeof EverCart, "function");
const cart = await connect({ url: ${WORKER} });
await cart.add("1095275", 2);
await cart.settled();
assert.deepEqual([cart.view.lines[0].quantity, cart.status.pending, cart.status.online], [2, 0, true]);
// Another one beside it is another guest's.
const other = await connect({ url: ${WORKER} });
await other.add("1082185", 1);
await other.settled();
assert.deepEqual([other.view.lines.length, cart.view.lines.length], [1, 1]);
assert.notEqual(await cart.token(), await other.token());
// The same session on another device.
const third = await connect({ url: ${WORKER}, token: await cart.token() });
for (let turn = 0; third.view.lines[0]?.quantity !== 2; turn++) {
  assert.ok(turn < 2400);
  await new Promise(next => setTimeout(next, 100));
}
for (const one of [cart, other, third]) await one.close();
const lost = await connect();
const refusal = await lost.add("1095275", 1).then(() => null, error => error);
assert.ok(refusal instanceof EvercartError && refusal.code === "url_missing", String(refusal));
assert.deepEqual([lost.view.lines[0].quantity, lost.status.online], [1, false]);
await lost.close();
// And then it ends.
console.log("as it should be");
`;
const COMMON = `
const { connect } = require("evercart");
require("evercart/react"); require("evercart/element");
connect({ url: ${WORKER} }).then(async cart => {
  await cart.add("1095275", 1);
  await cart.close();
  console.log("as it should be");
});
`;
const CPU = { x64: "x64", arm64: "arm64" }[arch()];

for (const version of ["20.20.2", "22.23.5", "24.22.3"]) {
  at(`node-${version.slice(0, 2)}`, () => place([`node-linux-${CPU}@${version}`, REACT[0]], { "main.js": SCRIPT, "common.cjs": COMMON },
    async ({ run, folder }) => {
      const node = join(folder, `node_modules/node-linux-${CPU}/bin/node`);
      assert.equal((await run(node, "--version")).trim(), `v${version}`);
      assert.match(await run(node, "main.js"), /as it should be/);
      assert.match(await run(node, "common.cjs"), /as it should be/);
    }));
}

at("deno", () => place([`@deno/linux-${CPU}-glibc@2.9.6`, REACT[0]], { "main.js": SCRIPT }, async ({ run, folder }) => {
  const deno = join(folder, `node_modules/@deno/linux-${CPU}-glibc/deno`);
  await run("chmod", "+x", deno);
  assert.match(await run(deno, "run", "--allow-all", "--no-remote", "main.js"), /as it should be/);
}));

const BUN = `@oven/bun-linux-${CPU === "arm64" ? "aarch64" : CPU}`;
at("bun", () => place([`${BUN}@1.4.5`, REACT[0]], { "main.js": SCRIPT }, async ({ run, folder }) => {
  const bun = join(folder, "node_modules", BUN, "bin/bun");
  await run("chmod", "+x", bun);
  assert.match(await run(bun, "main.js"), /as it should be/);
}));

// ---- pages without a bundler

const PLAIN = `import { connect } from "/node_modules/evercart/dist/index.js";
import "/node_modules/evercart/dist/element.js";
document.querySelector("ever-cart").addEventListener("connected", ({ detail: cart }) => cart.add("1095275", 1));
const cart = await connect({ url: ${WORKER} });
await cart.add("1095275", 2);
await cart.settled();
document.getElementById("root").textContent = cart.view.lines[0].quantity + " there";
`;
const ELEMENT = `<ever-cart url=${WORKER} storage="element"></ever-cart>`;
const has_line = page => page.locator("ever-cart").getByText("Rolls: Bagels, 4 oz").waitFor();

at("static", () => place([], { "index.html": HTML("/main.js") + ELEMENT, "main.js": PLAIN }, ({ folder }) =>
  served(folder, url => visit(url, async page => {
    await page.getByText("2 there", { exact: true }).waitFor();
    await has_line(page);
  }))));

at("worker", () => place([], {
  "index.html": HTML("/main.js"),
  "main.js": `const worker = new Worker("/worker.js", { type: "module" });
worker.onmessage = ({ data }) => { document.getElementById("root").append(data + ". "); };
worker.onerror = event => { document.getElementById("root").append("error: " + event.message); };`,
  "worker.js": `import { connect } from "/node_modules/evercart/dist/index.js";
import "/node_modules/evercart/dist/element.js";
const cart = await connect({ url: ${WORKER} });
if (cart.view.lines.length === 0) await cart.add("1095275", 2);
await cart.settled();
while (!cart.status.live) await new Promise(next => setTimeout(next, 50));
postMessage(cart.view.lines[0].quantity + " there, " + cart.status.storage + (cart.status.live ? ", live" : ""));
await cart.close();
postMessage("closed");`,
}, ({ folder }) => served(folder, url => visit(url, async page => {
  await page.getByText("2 there, ok, live. closed.").waitFor();
  // It is stored.
  await page.reload();
  await page.getByText("2 there, ok, live. closed.").waitFor();
}))));

at("csp", () => place([], { "index.html": HTML("/main.js") + ELEMENT, "main.js": PLAIN }, async ({ folder }) => {
  const socket = URL_.replace("http", "ws");
  const policy = script => ({
    "Content-Security-Policy": `default-src 'none'; script-src ${script}; style-src 'self'; connect-src 'self' ${URL_} ${socket}`,
  });
  // All is as it should be, its style too, and nothing is reported.
  await served(folder, url => visit(url, async page => {
    await page.getByText("2 there", { exact: true }).waitFor();
    await has_line(page);
    const display = await page.locator("ever-cart").locator("li").evaluate(line => getComputedStyle(line).display);
    assert.equal(display, "flex");
  }), policy("'self' 'wasm-unsafe-eval'"));
  // Without leave for Wasm it says what to do, on the page and to scripts.
  await served(folder, url => visit(url, async page => {
    await page.locator("ever-cart").getByText("The cart cannot be shown here.").waitFor();
    await page.locator("ever-cart").getByText("add 'wasm-unsafe-eval' to its script-src").waitFor();
    const told = await page.evaluate(async () => {
      const { connect } = await import("/node_modules/evercart/dist/index.js");
      const element = document.createElement("ever-cart");
      const failed = new Promise(resolve => element.addEventListener("failed", ({ detail }) => resolve(detail.code)));
      document.body.append(element);
      return [await connect({ url: location.origin }).then(() => "no error", error => error.code), await failed];
    });
    assert.deepEqual(told, ["wasm_refused", "wasm_refused"]);
  }, error => /wasm|unsafe-eval/i.test(error)), policy("'self'"));
}));

// ---- what it offers

/** The examples are built as they stand, but for where the package comes from, and tried. */
at("examples", async () => {
  const of = folder => join(EXAMPLES, folder), dependencies = async folder => {
    const { dependencies, devDependencies = {} } = JSON.parse(await readFile(join(of(folder), "package.json"), "utf8"));
    return Object.entries({ ...dependencies, ...devDependencies }).filter(([name]) => name !== "evercart").map(one => one.join("@"));
  };
  await place(await dependencies("react"), {}, async ({ folder, run, bin }) => {
    await cp(of("react"), folder, { recursive: true, filter: from => !from.endsWith("package.json") });
    await run("env", `VITE_EVERCART_URL=${URL_}`, bin("vite"), "build");
    await served(join(folder, "dist"), url => visit(url, async page => {
      for (const name of ["Add bagels", "Add engraved bagels", "Add bagels"]) await page.getByRole("button", { name, exact: true }).click();
      await page.getByText("2 × Rolls: Bagels, 4 oz").waitFor();
      await page.getByText("1 × Rolls: Bagels, 4 oz Ann").waitFor();
      await page.getByText("Saved.").waitFor();
      await page.getByRole("button", { name: "Remove" }).first().click();
      await page.getByRole("button", { name: "Undo" }).click();
      await page.getByText("2 × Rolls: Bagels, 4 oz").waitFor();
    }));
  });
  await place([], {}, async ({ folder, write }) => {
    await cp(of("html"), folder, { recursive: true, filter: from => !from.endsWith("package.json") });
    const html = await readFile(join(of("html"), "index.html"), "utf8");
    await write("index.html", html.replace("<ever-cart>", `<ever-cart url=${WORKER}>`));
    await served(folder, url => visit(url, async page => {
      await page.getByRole("button", { name: "Add bagels" }).click();
      await page.locator("ever-cart").getByText("Rolls: Bagels, 4 oz").waitFor();
      await page.waitForFunction(() => document.title === "1 in the cart");
    }));
  });
  await place([], {}, async ({ folder, serves }) => {
    await cp(of("server"), folder, { recursive: true, filter: from => !from.endsWith("package.json") });
    const free = await port(), url = await serves(free, "env", `EVERCART_URL=${URL_}`, `PORT=${free}`, "node", "server.js");
    const { token } = await (await fetch(`${URL_}/v1/sessions`, { method: "POST" })).json();
    const ask = async method => (await fetch(url, { method, headers: { Authorization: `Bearer ${token}` } })).json();
    assert.equal((await ask("POST")).lines[0].quantity, 1);
    assert.equal((await ask("POST")).lines[0].quantity, 2);
    assert.equal((await ask("GET")).lines[0].quantity, 2);
    assert.equal((await fetch(url)).status, 401);
    assert.equal((await fetch(url, { headers: { Authorization: "Bearer forged" } })).status, 401);
  });
});

/** The pages of the API are those of the sources. */
at("docs", () => place([], {}, async ({ folder, run }) => {
  await run(join(EXAMPLES, "../tools/docs"), join(folder, "docs"));
  for (const name of await readdir(join(folder, "docs"))) {
    const made = await readFile(join(folder, "docs", name), "utf8"), kept = await readFile(join(EXAMPLES, "../docs/client", name), "utf8");
    assert.equal(kept, made, `docs/client/${name} is of other sources: make docs`);
  }
}));

/** What the README shows of an example is what stands there. */
at("readme", async () => {
  const text = await readFile(join(EXAMPLES, "../crates/cart-client/package/README.md"), "utf8");
  const shown = [...text.matchAll(/<!-- (examples\/\S+) -->\n```\w+\n([^]*?)```/g)];
  assert.ok(shown.length >= 4);
  for (const [, name, code] of shown) assert.ok((await readFile(join(EXAMPLES, "..", name), "utf8")).includes(code.trimEnd()), name);
});

/** The types as a project sees them that skips none, with JSX. */
const TYPED = `import { connect, EvercartError, type Cart, type View } from "evercart";
import { EvercartProvider, useCart, type CartState } from "evercart/react";
import type { EverCart } from "evercart/element";
import { useRef } from "react";

export function Count() {
  const { state, view, status, error, retry, cart } = useCart();
  if (state === "failed") return <button onClick={retry}>{error.code}</button>;
  if (state === "loading") return <p>..</p>;
  const quantity: number = view.totals.quantity + status.pending;
  return <button onClick={() => cart.add("1", 1, { customization: { engraving: "Ann" } })}>{quantity}</button>;
}
export function App({ cart }: { cart: Promise<Cart> }) {
  const element = useRef<EverCart>(null), given: CartState = useCart(cart);
  return <EvercartProvider url="https://shop.example" currency="EUR">
    <Count />{given.view?.lines.length}
    <ever-cart ref={element} url="https://shop.example" class="wide"
      onchanged={({ detail }) => detail.lines} onfailed={({ detail }) => detail.code} />
    {/* @ts-expect-error it has no such attribute */}
    <ever-cart price="1" />
  </EvercartProvider>;
}
export async function plain(): Promise<View> {
  const element = document.querySelector("ever-cart")!;
  element.addEventListener("connected", ({ detail }) => detail.add("1"));
  element.addEventListener("refused", ({ detail }) => detail.code.length);
  element.addEventListener("click", event => event.preventDefault());
  // @ts-expect-error an error has no lines
  element.addEventListener("failed", ({ detail }) => detail.lines);
  return (await connect().catch((error: EvercartError) => { throw error; })).view;
}
`;
at("types", async () => {
  for (const types of ["18.3.26", "19.3.0"])
    await place(["typescript@5.9.3", `@types/react@${types}`], {
      "main.tsx": TYPED,
      "tsconfig.json": JSON.stringify({ compilerOptions: {
        target: "es2022", module: "esnext", moduleResolution: "bundler", lib: ["es2022", "dom", "dom.iterable"], jsx: "react-jsx",
        strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, isolatedModules: true, noEmit: true, types: ["react"],
      }, files: ["main.tsx"] }),
    }, ({ run, bin }) => run(bin("tsc"), "-p", "."));
});

/** Loading, in vain, tried again, ready, gone and come again: in strict mode, and as a server renders it. */
at("react", () => place(["esbuild@0.28.2", ...REACT], {
  "public/index.html": HTML("/main.js"),
  "app.js": `import { createElement as h, useState } from "react";
import { EvercartProvider, useCart } from "evercart/react";
function Count() {
  const { state, cart, view, status, error, retry } = useCart();
  if (error) return h("button", { onClick: retry }, "Again after " + error.code);
  if (state === "loading") return h("p", null, "loading");
  return h("button", { onClick: () => cart.add("1095275") }, status.pending ? "pending" : view.lines[0]?.quantity ?? "nothing");
}
export function App() {
  const [there, setThere] = useState(true);
  return h("main", null, h("button", { onClick: () => setThere(!there) }, "There or not"),
    there && h(EvercartProvider, { url: ${WORKER} }, h(Count), h(Count)));
}
export const Lost = () => h(Count);
`,
  "main.js": `import { createElement as h, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.js";
createRoot(document.getElementById("root")).render(h(StrictMode, null, h(App)));
`,
  "server.js": `import assert from "node:assert/strict";
import { createElement as h } from "react";
import { renderToString } from "react-dom/server";
import { App, Lost } from "./app.js";
assert.match(renderToString(h(App)), /<p>loading<.p><p>loading<.p>/);
assert.throws(() => renderToString(h(Lost)), /no <EvercartProvider> around/);
`,
}, async ({ folder, run, bin }) => {
  await run("node", "server.js");
  await run(bin("esbuild"), "main.js", "--bundle", "--format=esm", "--target=es2022", "--outfile=public/main.js");
  await served(join(folder, "public"), url => visit(url, async page => {
    const sessions = [], seen = name => page.getByRole("button", { name, exact: true });
    page.on("request", request => {
      if (request.method() === "POST" && request.url().endsWith("/v1/sessions")) sessions.push(request.url());
    });
    await seen("Again after wasm_missing").nth(1).waitFor();
    await run("cp", "node_modules/evercart/dist/evercart.wasm", "public/");
    await seen("Again after wasm_missing").first().click();
    await seen("nothing").first().click();
    await seen("1").nth(1).waitFor();
    await seen("There or not").click();
    await seen("1").first().waitFor({ state: "detached" });
    await seen("There or not").click();
    await seen("1").nth(1).waitFor();
    // Coming twice, as strict mode does, is no second guest.
    assert.equal(sessions.length, 1);
  }, error => error.includes("404")));
}));

/** What tells two engravings apart, the parts, and the events of the element. */
at("element", () => place([], {
  "index.html": `${HTML("/main.js")}<link rel="stylesheet" href="/page.css"><ever-cart url=${WORKER}></ever-cart>`,
  "page.css": `ever-cart::part(detail) { color: rgb(1, 2, 3) }
ever-cart::part(button) { border-radius: 7px }
ever-cart::part(remove) { color: rgb(4, 5, 6) }`,
  "main.js": `import "/node_modules/evercart/dist/element.js";
const element = document.querySelector("ever-cart");
window.told = [];
for (const name of ["connected", "changed", "refused", "failed"])
  element.addEventListener(name, ({ detail }) => { told.push(name + " " + (detail.code ?? detail.lines?.length ?? typeof detail.add)); });
element.addEventListener("connected", async ({ detail: cart }) => {
  await cart.add("1095275", 1, { customization: { engraving: "Ann" } });
  await cart.add("1095275", 9999, { customization: { engraving: "Ben", lines: [1, 2] }, variant: "large" });
  await cart.add("1095275");
});
`,
}, ({ folder }) => served(folder, url => visit(url, async page => {
  const lines = page.locator("ever-cart").locator("li"), button = name => page.getByRole("button", { name, exact: true });
  await lines.nth(2).getByText("Rolls: Bagels, 4 oz").waitFor();
  const details = await lines.evaluateAll(all => all.map(line => [...line.querySelectorAll(".detail")].map(detail => detail.textContent)));
  assert.deepEqual(details.sort(), [[], ["engraving: Ann"], ["large", "engraving: Ben", "lines: [1,2]"]]);
  for (const of of ["", ", engraving: Ann", ", large, engraving: Ben, lines: [1,2]"]) await button(`Remove Rolls: Bagels, 4 oz${of}`).waitFor();
  // Each part can be styled from the page.
  const part = name => page.locator("ever-cart").locator(`[part~=${name}]`).first();
  const styled = (name, property) => part(name).evaluate((one, property) => getComputedStyle(one)[property], property);
  assert.equal(await styled("detail", "color"), "rgb(1, 2, 3)");
  assert.equal(await styled("less", "borderRadius"), "7px");
  assert.equal(await styled("remove", "color"), "rgb(4, 5, 6)");
  for (const name of ["lines", "line", "name", "quantity", "more", "total", "status"]) await part(name).waitFor({ state: "attached" });
  await button("One more of Rolls: Bagels, 4 oz, large, engraving: Ben, lines: [1,2]").click();
  await page.waitForFunction(() => told.includes("refused quantity_limit"));
  await button("Remove Rolls: Bagels, 4 oz").click();
  await part("undo").waitFor();
  const told = await page.evaluate("told");
  assert.deepEqual([told.includes("connected function"), told.includes("changed 3"), told.some(one => one.startsWith("failed"))], [true, true, false]);
}))));

for (const name of asked) assert.ok(known.has(name), `${name} is none of ${[...known].join(", ")}`);
