// The extension: starts `archdsl lsp`, and offers what an editor has no request for — pictures.
"use strict";

const vscode = require("vscode");
const { Explanations } = require("./explanations");
const { Program } = require("./program");
const { Preview } = require("./preview");
const { Server } = require("./server");

/** @param {vscode.ExtensionContext} context */
async function activate(context) {
  const log = vscode.window.createOutputChannel("archdsl");
  const server = new Server(log);
  const preview = new Preview(server, vscode.Uri.joinPath(context.extensionUri, "icons", "archdsl.svg"));

  /** @param {string} name @param {() => unknown} action */
  const command = (name, action) => context.subscriptions.push(vscode.commands.registerCommand(name, action));
  command("archdsl.preview", () => withSpecification((editor) => preview.open(editor.document)));
  command("archdsl.format", () => vscode.commands.executeCommand("editor.action.formatDocument"));
  command("archdsl.draw", () => withSpecification(draw));
  command("archdsl.restart", () => server.restart());

  context.subscriptions.push(
    log,
    preview,
    server,
    Explanations.register(),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("archdsl.path")) void server.restart();
    }),
  );
  await server.start();
}

/** @param {(editor: vscode.TextEditor) => unknown} action */
function withSpecification(action) {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.languageId === "arch") return action(editor);
  return vscode.window.showInformationMessage("Open a specification (.arch) first.");
}

/** Draw what is saved, in the format that the chosen file's suffix says. @param {vscode.TextEditor} editor */
async function draw({ document }) {
  if (document.isDirty && !(await document.save())) return;
  const target = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(document.fileName.replace(/\.arch$/, "") + ".svg"),
    filters: { Pictures: ["svg", "png", "pdf", "html", "tex", "dot"] },
  });
  if (target === undefined) return;
  const done = await Program.of(document.uri).run(["draw", document.fileName, "-o", target.fsPath]);
  if (done.code !== 0) return void vscode.window.showErrorMessage(done.error.trim() || "The network could not be drawn.");
  const choice = await vscode.window.showInformationMessage(`Wrote ${target.fsPath}`, "Open");
  if (choice === "Open") await vscode.commands.executeCommand("vscode.open", target);
}

module.exports = { activate };
