// Serves a folder and waits until its page shows a text, in Chromium: fresh.mjs FOLDER TEXT
import { EVENTUALLY_MS, chrome, serve } from "./chrome.mjs";

const [folder, text] = process.argv.slice(2);
const server = await serve(folder), browser = await chrome(), page = await browser.newPage();
page.on("pageerror", error => { throw error; });
await page.goto(server.url);
await page.getByText(text, { exact: true }).waitFor({ timeout: EVENTUALLY_MS });
await browser.close();
server.close();
