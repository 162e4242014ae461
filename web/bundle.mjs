// Bundles the pages into build/web: `web/NAME/index.html` with its script and style, and the client's Wasm. What
// a page loads has the hash of its content in its name, so that it may be kept for ever; the pages may not.
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { SHOP } from "./shop/pages.mjs";

const TO = "build/web";
const CLIENT = "crates/cart-client/package/dist";
/** Where the pages will be, for the pictures of those who link to them: they want whole addresses. */
const ORIGIN = process.env.ORIGIN ?? "";
const ICONS = JSON.parse(await readFile("web/shop/icons.json", "utf8"));
/** Each page's files, and what is said in its frame. */
const PAGES = { shop: SHOP, lab: { lab: {} }, docs: { docs: {} } };

await mkdir(`${TO}/pages`, { recursive: true });
/** Bundles the pages of some names; what they share is loaded once. */
const bundled = names => build({
  entryPoints: names.flatMap(page => [`web/${page}/${page}.ts`, `web/${page}/${page}.css`]),
  alias: { evercart: `./${CLIENT}/index.js`, "evercart/money": `./${CLIENT}/money.js`, "evercart.wasm": `./${CLIENT}/evercart.wasm` },
  loader: { ".wasm": "file", ".svg": "file", ".txt": "text" },
  bundle: true, splitting: true, format: "esm", target: "es2022", minify: true, metafile: true, charset: "utf8",
  outdir: `${TO}/assets`, publicPath: "/assets", logLevel: "warning",
  entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]", assetNames: "[name]-[hash]",
});
// The API's page shares nothing with those who shop.
const { metafile } = await bundled(Object.keys(PAGES).filter(page => page !== "docs"));
Object.assign(metafile.outputs, (await bundled(["docs"])).metafile.outputs);
const url = file => file.replace(TO, "");
const built = Object.entries(metafile.outputs);
const wasm = url(built.find(([file]) => file.endsWith(".wasm"))[0]);
/** All that a script loads: asked for at once, not when the script has come. */
const parts = script => built.find(([, { entryPoint }]) => entryPoint === script)[1].imports
  .filter(({ path, kind }) => kind === "import-statement" && path in metafile.outputs)
  .map(({ path }) => `<link rel="modulepreload" href="${url(path)}">`).join("\n");
const icon = name => `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="${ICONS[name]}"/></svg>`;
const pages = [];
for (const [page, files] of Object.entries(PAGES)) {
  let frame = await readFile(`web/${page}/index.html`, "utf8");
  for (const [file, { entryPoint }] of built)
    if (entryPoint?.startsWith(`web/${page}/`)) frame = frame.replaceAll(entryPoint.slice(`web/${page}/`.length), url(file));
  frame = frame.replaceAll("evercart.wasm", wasm).replace("{{parts}}", parts(`web/${page}/${page}.ts`)).replace(/{{icon (\w+)}}/g, (_, name) => icon(name));
  for (const [file, words] of Object.entries(files)) {
    const html = frame.replace(/{{(\w+)}}/g, (_, word) => word === "origin" ? ORIGIN : words[word] ?? "");
    await writeFile(`${TO}/${file}.html`, html);
    if (page === "shop") pages.push(html);
  }
}
// What the shop needs without a network: its pages, all that its script loads, its style, the Wasm.
const files = new Set([wasm]);
const needs = file => { if (!files.has(url(file))) { files.add(url(file)); metafile.outputs[file].imports.filter(one => one.path in metafile.outputs).forEach(one => needs(one.path)); } };
for (const [file, { entryPoint }] of built) if (entryPoint?.startsWith("web/shop/")) needs(file);
await build({
  entryPoints: ["web/shop/sw.ts"], bundle: true, format: "iife", target: "es2022", minify: true, outfile: `${TO}/sw.js`, logLevel: "warning",
  define: { FILES: JSON.stringify([...files]), VERSION: JSON.stringify(createHash("sha256").update(pages.join("")).digest("hex").slice(0, 16)) },
});
await cp("web/shop/app", TO, { recursive: true });
await cp("web/lab/share.png", `${TO}/lab.png`);
await cp("web/openapi.json", `${TO}/openapi.json`);
await cp("node_modules/swagger-ui-dist/swagger-ui-es-bundle.js.LICENSE.txt", `${TO}/docs-licenses.txt`);
for (const rules of ["_headers", "_redirects"]) await cp(`web/${rules}`, `${TO}/${rules}`);
// What is of an earlier build goes last: a server that runs sees whole folders all the time.
const made = new Set(built.map(([file]) => file.split("/").pop()));
for (const file of await readdir(`${TO}/assets`)) if (!made.has(file)) await rm(`${TO}/assets/${file}`);
