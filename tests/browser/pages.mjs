// Pages of the shop, opened and waited for, in whatever language they speak.
import assert from "node:assert/strict";
import { EVENTUALLY_MS, URL_ } from "./chrome.mjs";

export async function visit(context, path = "/") {
  const page = await context.newPage();
  await page.goto(URL_ + path);
  await until(page, "window.evercart !== undefined");
  return page;
}
export const run = (page, code) => page.evaluate(code);
/** Asks again and again: from outside, since the pages' policy forbids what playwright's own way needs. */
export async function until(page, code) {
  for (let turn = 0; turn < EVENTUALLY_MS / 100; turn++) {
    // A page that is just being left has no answer.
    if (await run(page, code).catch(() => false)) return;
    await new Promise(next => setTimeout(next, 100));
  }
  assert.fail(`never: ${code}`);
}
