// The description of the API, as those who make clients of it meet it: a linter, a generator for TypeScript whose client
// is compiled, one for Python whose client is run. `tools/test_openapi` starts it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const ROOT = new URL("../..", import.meta.url).pathname;
const HERE = join(ROOT, "tests/openapi"), BIN = join(ROOT, "node_modules/.bin");
const DOCUMENT = join(ROOT, "web/openapi.json");
const document = JSON.parse(readFileSync(DOCUMENT, "utf8"));
const work = mkdtempSync(join(tmpdir(), "evercart-openapi-"));
after(() => rmSync(work, { recursive: true }));

/** What a command says, which must end well. */
function said(command, ...words) {
  const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  const { status, stdout, stderr } = spawnSync(command, words, { cwd: work, encoding: "utf8", env });
  assert.equal(status, 0, `${command} ${words.join(" ")}:\n${stdout}${stderr}`);
  return stdout + stderr;
}

test("the linter finds nothing, and all examples are as they are described", () => {
  said(join(BIN, "redocly"), "lint", "--config", join(HERE, "redocly.yaml"), DOCUMENT);
});

test("a client for TypeScript sends an engraving, leaves out what may be left out, and knows every code", () => {
  said(join(BIN, "openapi-typescript"), DOCUMENT, "-o", join(work, "schema.d.ts"));
  cpSync(join(HERE, "sample.ts"), join(work, "sample.ts"));
  symlinkSync(join(ROOT, "node_modules"), join(work, "node_modules"));
  cpSync(join(HERE, "tsconfig.json"), join(work, "tsconfig.json"));
  said(join(BIN, "tsc"), "-p", work);
});

test("a client for Python is made whole, and does the same", () => {
  const generated = said("python3", "-m", "openapi_python_client", "generate", "--path", DOCUMENT, "--meta", "none",
    "--config", join(HERE, "generator.yaml"), "--output-path", join(work, "evercart_api"), "--fail-on-warning");
  assert.doesNotMatch(generated, /warning/i);
  cpSync(join(HERE, "sample.py"), join(work, "sample.py"));
  said("python3", "sample.py", DOCUMENT);
});

/** Words of calls between regions and of queues, which no client hears. */
const AMONG_US = ["frame_too_large", "frame_too_new", "frame_too_old", "malformed", "peer_refused"];

test("the codes are those that the service says, no more and no less", () => {
  const sources = readdirSync(join(ROOT, "src"), { recursive: true }).filter(name => name.endsWith(".rs"))
    .map(name => readFileSync(join(ROOT, "src", name), "utf8").split("#[cfg(test)]")[0]).join("\n");
  // Where refusals are made that have a name.
  const problem = readFileSync(join(ROOT, "src/platform/problem.rs"), "utf8");
  const reject = readFileSync(join(ROOT, "crates/cart-core/src/reject.rs"), "utf8");
  const spoken = new Set([
    ...sources.matchAll(/(?:Problem|Self)::(?:new|retry)\(\s*\w+,\s*"(\w+)"/g),
    ...problem.matchAll(/pub const [A-Z_]+: &str = "(\w+)"/g), ...reject.matchAll(/=> "(\w+)",/g),
  ].map(([, code]) => code));
  for (const code of AMONG_US) assert.ok(spoken.delete(code), code);
  assert.deepEqual(document.components.schemas.ProblemCode.enum, [...spoken].sort());
});

test("lists go on with one word, and each refusal's words are codes", () => {
  const text = readFileSync(DOCUMENT, "utf8");
  const lists = Object.entries(document.components.schemas)
    .filter(([, { properties = {} }]) => Object.keys(properties).some(name => /^next|cursor$/.test(name)));
  assert.deepEqual(lists.filter(([, { properties }]) => !properties.next_cursor).map(([name]) => name), []);
  assert.ok(!text.includes('"name": "cursor",\n      "in": "query"'), "every list takes the same cursor");
  const codes = new Set(document.components.schemas.ProblemCode.enum);
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, { responses }] of Object.entries(item).filter(([, value]) => value.responses)) {
      for (const [status, { description = "" }] of Object.entries(responses).filter(([status]) => status >= "400")) {
        const words = description.match(/\b[a-z]+_[a-z_]+\b/g) ?? [];
        assert.deepEqual(words.filter(word => !codes.has(word)), [], `${method} ${path} ${status}`);
      }
    }
  }
});

test("servers are named, with words", () => {
  assert.ok(document.servers.length > 1 && document.servers.every(({ url, description }) => url && description));
});
