// A place where the package is installed: a folder of its own, with its own dependencies at their pinned versions.
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { EVENTUALLY_MS, URL_, chrome } from "../browser/chrome.mjs";

const ROOT = new URL("../..", import.meta.url).pathname;
const TARBALL = process.env.TARBALL ?? join(ROOT, "build/client/evercart-0.1.0.tgz");

/** Makes a folder with these files and packages, the package among them; `use` it, and it is gone. */
export async function place(packages, files, use) {
  const folder = await mkdtemp(join(tmpdir(), "evercart-package-"));
  const running = [];
  /** Writes a file. */
  const write = async (name, text) => {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  };
  /** Begins a program; its end is in `ended`: what it said, or an error. */
  const begin = (command, ...words) => {
    let said = "";
    const env = { ...process.env, CI: "true", NEXT_TELEMETRY_DISABLED: "1", ASTRO_TELEMETRY_DISABLED: "1" };
    // A group of its own, so that what it begins ends with it.
    const program = spawn(command, words, { cwd: folder, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [program.stdout, program.stderr]) stream.on("data", text => { said += text; });
    const ended = new Promise((resolve, reject) => {
      program.on("error", reject);
      const failed = code => new Error(`${command} ${words.join(" ")} ended with ${code}:\n${said}`);
      program.on("close", code => code === 0 ? resolve(said) : reject(failed(code)));
    });
    ended.catch(() => {});
    running.push(program);
    return { ended, said: () => said };
  };
  const run = (command, ...words) => begin(command, ...words).ended;
  /** A program of one of the packages. */
  const bin = name => join(folder, "node_modules/.bin", name);
  /** Begins a server, and waits until it answers. */
  const serves = async (port, command, ...words) => {
    const { ended } = begin(command, ...words);
    const url = `http://localhost:${port}/`;
    const failed = ended.then(said => { throw new Error(`it ended:\n${said}`); });
    failed.catch(() => {});
    for (const end = Date.now() + EVENTUALLY_MS; Date.now() < end;) {
      const answered = await Promise.race([failed, fetch(url).then(() => true, () => false)]);
      if (answered) return url;
      await new Promise(next => setTimeout(next, 200));
    }
    throw new Error(`${command} does not answer`);
  };
  try {
    await cp(join(ROOT, ".npmrc"), join(folder, ".npmrc"));
    await write("package.json", JSON.stringify({ name: "place", private: true, type: "module" }));
    for (const [name, text] of Object.entries(files)) await write(name, text);
    await run("npm", "install", "--loglevel=error", TARBALL, ...packages);
    return await use({ folder, write, run, bin, serves });
  } finally {
    for (const { pid, exitCode } of running) {
      if (exitCode !== null) continue;
      try { process.kill(-pid, "SIGKILL"); } catch { /* It has just ended. */ }
    }
    await rm(folder, { recursive: true, maxRetries: 5 });
  }
}

/** A port that is free. */
export const port = () => new Promise(resolve => {
  const server = createServer().listen(0, () => { const { port } = server.address(); server.close(() => resolve(port)); });
});

let browser;
/** All that is to be read, in elements too. */
const SHOWN = `document.body.innerText + [...document.querySelectorAll("ever-cart")].map(one => " " + one.shadowRoot?.textContent)`;
/** Opens a page in Chromium; what it throws, and what it says as an error, is an error here. `forgiven` is not. */
export async function visit(url, look, forgiven = () => false) {
  browser ??= await chrome();
  const context = await browser.newContext(), page = await context.newPage(), errors = [];
  context.setDefaultTimeout(EVENTUALLY_MS);
  page.on("pageerror", error => errors.push(String(error)));
  page.on("console", message => {
    const { url } = message.location();
    if (message.type() === "error" && !url.endsWith("/favicon.ico")) errors.push(`${message.text()} ${url}`);
  });
  try {
    await page.goto(url);
    await look(page).catch(async error => {
      throw new Error(`${error.message}\nThe page said: ${errors.join("\n")}\nIt shows: ${await page.evaluate(SHOWN)}`);
    });
  } finally { await context.close(); }
  const unforgiven = errors.filter(error => !forgiven(error));
  if (unforgiven.length) throw new Error(`the page said: ${unforgiven.join("\n")}`);
}
export const leave = () => browser?.close();

/** A page of React in strict mode, with a provider, and the element: in JavaScript, for whatever bundles it. */
export const page = (options = "") => `
import { createElement as h, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { EvercartProvider, useCart } from "evercart/react";
import "evercart/element";
${APP}
createRoot(document.getElementById("root")).render(h(StrictMode, null, h(App${options && `, ${options}`})));
`;
/** What it renders. */
export const APP = `
function Count() {
  const { state, cart, view, status, error } = useCart();
  if (error) return h("p", null, error.code + ": " + error.detail);
  if (state === "loading") return h("p", null, "loading");
  return h("p", null, view.totals.quantity + " there, " + status.pending + " to send ",
    h("button", { onClick: () => cart.add("1095275", 2) }, "Add two"));
}
function App(options) {
  return h("main", null,
    h(EvercartProvider, { url: ${JSON.stringify(URL_)}, storage: "react", ...options }, h(Count)),
    h("ever-cart", { url: ${JSON.stringify(URL_)}, storage: "element", ...options }));
}
`;
export const HTML = script => `<!doctype html>
<meta charset="utf-8">
<title>place</title>
<div id="root"></div>
<script type="module" src="${script}"></script>
`;

/** What is to be seen of that page: an add arrives at the service, and the element is there. */
export async function works(page) {
  await page.getByRole("button", { name: "Add two" }).click();
  await page.getByText("2 there, 0 to send").waitFor();
  await page.locator("ever-cart").getByText("The cart is empty.").waitFor();
}
