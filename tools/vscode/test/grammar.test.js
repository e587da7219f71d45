// The grammar, by the engine that VS Code itself runs.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const oniguruma = require("vscode-oniguruma");
const { INITIAL, Registry, parseRawGrammar } = require("vscode-textmate");

const ROOT = path.join(__dirname, "..", "..", "..");
const GRAMMAR = path.join(__dirname, "..", "syntaxes", "arch.tmLanguage.json");

const grammar = (async () => {
  const wasm = fs.readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm"));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
  const onigLib = {
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  };
  const loadGrammar = async () => parseRawGrammar(fs.readFileSync(GRAMMAR, "utf8"), GRAMMAR);
  return new Registry({ onigLib: Promise.resolve(onigLib), loadGrammar }).loadGrammar("source.arch");
})();

/** Every token of a text with its innermost scope, blanks left out. */
async function tokens(text) {
  const found = [];
  let stack = INITIAL;
  for (const line of text.split("\n")) {
    const result = (await grammar).tokenizeLine(line, stack);
    stack = result.ruleStack;
    for (const { startIndex, endIndex, scopes } of result.tokens) {
      const word = line.slice(startIndex, endIndex).trim();
      if (word) found.push([word, scopes.at(-1).replace(/\.arch$/, "")]);
    }
  }
  return found;
}

const EXPECTED = [
  ["# x 3", "#", "punctuation.definition.comment"],
  ["# x 3", "x 3", "comment.line.number-sign"],
  ['title "a # b"', "a # b", "string.quoted.double"],
  ["net resnet(depth=50)", "net", "storage.type.network"],
  ["net resnet(depth=50)", "resnet", "entity.name.type.network"],
  ["net resnet(depth=50)", "depth", "variable.parameter"],
  ["input 3x224x224", "input", "keyword.other.statement"],
  ["input 3x224x224", "3x224x224", "constant.numeric.shape"],
  ["3x3 conv 64 /2", "3x3", "constant.numeric.kernel"],
  ["3x3 conv 64 /2", "conv", "support.function.operator"],
  ["3x3 conv 64 /2", "64", "constant.numeric.integer"],
  ["3x3 conv 64 /2", "/", "keyword.operator.stride"],
  ["1x1 conv(a / 2)", "/", "keyword.operator.arithmetic"],
  ["1x1 conv(a // 2)", "//", "keyword.operator.arithmetic"],
  ["unit x 3", "x", "keyword.operator.repeat"],
  ["unit x (n - 1)", "x", "keyword.operator.repeat"],
  ["x[0] = relu", "x", "variable.other.definition"],
  ["(x | y) -> add", "x", "variable.other.readwrite"],
  ["a -> (b | c)", "->", "keyword.operator.flow"],
  ["a -> (b | c)", "|", "keyword.operator.parallel"],
  ["stem = bn", "stem", "variable.other.definition"],
  ["unit(a, b=(1 + 2)) where a > 1: relu", "unit", "entity.name.function.definition"],
  ["unit(a, b=(1 + 2)) where a > 1: relu", "where", "keyword.control"],
  ["tied edge(i): relu", "tied", "storage.modifier.tied"],
  ["tied edge(i): relu", "edge", "entity.name.function.definition"],
  ["unit(64) -> relu", "unit", "entity.name.function.call"],
  ["conv = 3", "conv", "variable.other.definition"],
  ["3x3 maxpool pad=1", "pad", "variable.parameter"],
  ["pad channels=[0, 1]", "pad", "support.function.operator"],
  ["y = in.channels", "in", "variable.language.in"],
  ["y = in.channels", "channels", "variable.other.property"],
  ["for i in 1..n { relu }", "in", "keyword.control.loop"],
  ["for i in 1..n { relu }", "..", "keyword.operator.range"],
  ["if not a { relu } else { bn }", "not", "keyword.operator.logical"],
  ["if not a { relu } else { bn }", "else", "keyword.control"],
  ["dense growth=4 { relu }", "dense", "support.class.structure"],
  ["let a = floor(1.5e-3)", "floor", "support.function.builtin"],
  ["let a = floor(1.5e-3)", "1.5e-3", "constant.numeric.float"],
  ["let a = true", "true", "constant.language.boolean"],
  ["let note = 3", "note", "variable.other.definition"],
  ["a = { note -> relu }", "a", "variable.other.definition"],
  ["table t { X . / . X }", "X", "constant.numeric.cell.set"],
  ["table t { X . / . X }", "/", "punctuation.separator.row"],
  ['use "b.arch" as b', "as", "keyword.other.as"],
  ['use "b.arch" as b', "b", "entity.name.namespace"],
  ["relu # arch: ignore[W0705]", "arch: ignore[W0705]", "storage.type.annotation.ignore"],
  ["# arch: ignore-file[W0705]", "arch: ignore-file[W0705]", "storage.type.annotation.ignore"],
];

for (const [text, word, scope] of EXPECTED) {
  test(`${text}: ${word} is ${scope}`, async () => {
    const found = await tokens(text);
    assert.deepEqual(found.find(([name]) => name === word), [word, scope], JSON.stringify(found));
  });
}

test("a bracket that is open changes nothing behind it", async () => {
  assert.deepEqual((await tokens("(3x3 conv 8 | relu\nstem = relu")).at(-3), ["stem", "variable.other.definition"]);
});

/** Specifications of the repository. */
const specifications = ["specs", "archdsl"].flatMap((folder) =>
  fs.readdirSync(path.join(ROOT, folder), { recursive: true }).filter((name) => name.endsWith(".arch")).map((name) => path.join(folder, name)),
);

test("every character of every specification has a meaning", async () => {
  assert.ok(specifications.length > 50);
  for (const name of specifications) {
    const text = fs.readFileSync(path.join(ROOT, name), "utf8");
    const plain = (await tokens(text)).filter(([, scope]) => scope === "source" || scope === "source.arch");
    assert.deepEqual(plain, [], name);
  }
});
