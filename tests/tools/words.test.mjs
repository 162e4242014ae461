// The words of the shop in every language: each sentence that the shop says is in each file of web/shop/words, with the
// same names in braces and in all forms that the language has, and no other is. It needs no browser and no build.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import ts from "typescript";
import { SHOP } from "../../web/shop/pages.mjs";

const SHOP_AT = new URL("../../web/shop/", import.meta.url);
const read = name => readFile(new URL(name, SHOP_AT), "utf8");
/** What looks like words and is none, or is the same in every language. */
const NAMES = ["Enter", "Evercart", "Private", "National"];
const names = text => [...new Set(text.match(/{\w+}/g))].sort();

/** What the scripts say, and what they say past `t`. The table of departments is in the files by itself. */
const sentences = new Set(), departments = [], past = [];
for (const name of (await readdir(SHOP_AT)).filter(name => name.endsWith(".ts"))) {
  const text = await read(name);
  const visit = node => {
    if (ts.isVariableDeclaration(node) && node.name.text === "DEPARTMENTS") return departments.push(...node.initializer.properties.map(one => one.name.text));
    if (ts.isImportDeclaration(node)) return;
    if (ts.isCallExpression(node) && node.expression.text === "t") {
      const [sentence, values, one] = node.arguments;
      assert.ok(ts.isStringLiteral(sentence), `a sentence is written where it is said: ${name}: ${node.getText()}`);
      sentences.add(sentence.text);
      if (one) assert.ok(ts.isStringLiteral(one) && names(sentence.text).includes("{count}"), `${name}: ${node.getText()}`);
      return void (values && visit(values));
    }
    // What begins as a sentence does.
    if ((ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateHead(node)) && /^\p{Lu}\p{Ll}/u.test(node.text) && !NAMES.includes(node.text)) past.push(`${name}: ${node.text}`);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true));
}
/** What the frame says, and the pages in it, before there is a script. Names are cited, and what is said to those
 * without scripts is English. */
const html = [(await read("index.html")).replace(/^.*<body>/s, ""), ...Object.values(SHOP).map(({ main }) => main)].join("\n").replace(/<(noscript|cite)>.*?<\/\1>/gs, "<>");
for (const [, text, , attribute] of html.matchAll(/>([^<>]+)<|(aria-label|placeholder)="([^"]+)"/g)) {
  const said = (text ?? attribute).replace(/{{.*?}}/g, "").trim();
  if (said && !NAMES.includes(said)) sentences.add(said);
}

test("all words of the shop are said by t", () => assert.deepEqual(past, []));

const files = Object.fromEntries(await Promise.all((await readdir(new URL("words", SHOP_AT))).map(async name => [name.replace(".json", ""), JSON.parse(await read(`words/${name}`))])));
for (const [language, words] of Object.entries(files)) {
  test(`every sentence is in the file of ${language}, and no other`, () => {
    assert.deepEqual([...sentences].filter(one => !(one in words.sentences)), [], "missing");
    assert.deepEqual(Object.keys(words.sentences).filter(one => !sentences.has(one)), [], "left over");
  });
  test(`what is named is named in ${language}, and what is counted has all forms`, () => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories.sort();
    for (const [sentence, said] of Object.entries(words.sentences)) {
      const counts = names(sentence).includes("{count}");
      assert.equal(typeof said, counts ? "object" : "string", sentence);
      if (counts) assert.deepEqual(Object.keys(said).sort(), forms, sentence);
      for (const [form, text] of counts ? Object.entries(said) : [["", said]]) {
        assert.ok(text.trim(), sentence);
        // One, two or none may be said without a figure.
        const optional = ["zero", "one", "two"].includes(form) ? "{count}" : "";
        assert.deepEqual(names(text).filter(one => one !== optional), names(sentence).filter(one => one !== optional), `${sentence} ${form}`);
      }
    }
  });
  test(`the departments are in the file of ${language} as in the others`, () => {
    for (const name of departments) assert.ok(name in words.departments, name);
    for (const other of Object.values(files)) assert.deepEqual(Object.keys(words.departments), Object.keys(other.departments));
  });
}
