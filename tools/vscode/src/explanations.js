// What the code of a mistake means: a text behind each code, as `archdsl explain` has it.
"use strict";

const vscode = require("vscode");
const { Program } = require("./program");

const SCHEME = "archdsl-explain";

class Explanations {
  static register() {
    return vscode.workspace.registerTextDocumentContentProvider(SCHEME, new Explanations());
  }

  /** A finding whose code is a link to its explanation. @param {vscode.Diagnostic} diagnostic */
  static linked(diagnostic) {
    const value = String(diagnostic.code);
    diagnostic.code = { value, target: vscode.Uri.from({ scheme: SCHEME, path: value }) };
    return diagnostic;
  }

  /** @param {vscode.Uri} uri */
  async provideTextDocumentContent(uri) {
    const { output, error } = await Program.of().run(["explain", uri.path]);
    return output || error;
  }
}

module.exports = { Explanations };
