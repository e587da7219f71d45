// The picture beside the text: drawn anew as the text changes, and the last good one while it has errors.
"use strict";

const { randomBytes } = require("node:crypto");
const vscode = require("vscode");

const PAUSE = 250;

class Preview {
  /** @type {vscode.WebviewPanel | undefined} */
  #panel;
  /** @type {vscode.TextDocument | undefined} */
  #document;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #server;
  #watching;

  /** @param {import("./server").Server} server */
  constructor(server) {
    this.#server = server;
    this.#watching = vscode.Disposable.from(
      vscode.workspace.onDidChangeTextDocument(({ document }) => document.languageId === "arch" && this.#soon()),
      vscode.window.onDidChangeActiveTextEditor((editor) => editor && this.#follow(editor.document)),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor, selections }) => {
        if (textEditor.document === this.#document) void this.#mark(selections[0].active);
      }),
    );
  }

  /** @param {vscode.TextDocument} document */
  open(document) {
    this.#document = document;
    if (this.#panel === undefined) {
      const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
      this.#panel = vscode.window.createWebviewPanel("archdsl.preview", "archdsl", place, { enableScripts: true });
      this.#panel.webview.html = page();
      this.#panel.webview.onDidReceiveMessage((message) => this.#receive(message));
      this.#panel.onDidDispose(() => (this.#panel = undefined));
    }
    this.#panel.reveal(undefined, true);
    this.#soon();
  }

  dispose() {
    clearTimeout(this.#timer);
    this.#watching.dispose();
    this.#panel?.dispose();
  }

  /** @param {vscode.TextDocument} document */
  #follow(document) {
    if (this.#panel === undefined || document.languageId !== "arch" || document === this.#document) return;
    this.#document = document;
    this.#soon();
  }

  #soon() {
    clearTimeout(this.#timer);
    if (this.#panel !== undefined) this.#timer = setTimeout(() => this.#draw(), PAUSE);
  }

  async #draw() {
    const document = this.#document;
    if (document === undefined || document.isClosed) return;
    const theme = vscode.workspace.getConfiguration("archdsl", document.uri).get("preview.theme", "auto");
    const params = { textDocument: { uri: document.uri.toString() }, options: { theme: theme === "auto" ? editorTheme() : theme } };
    const figure = await this.#server.ask("archdsl/figure", params).catch((failure) => ({ failure: String(failure) }));
    if (this.#panel === undefined || document !== this.#document) return;
    this.#panel.title = document.fileName.replace(/.*[\\/]/, "");
    await this.#panel.webview.postMessage({ kind: "figure", ...figure });
  }

  /** Mark what was written at a place. @param {vscode.Position} position */
  async #mark({ line, character }) {
    if (this.#panel === undefined || this.#document === undefined) return;
    const params = { textDocument: { uri: this.#document.uri.toString() }, position: { line, character } };
    const parts = (await this.#server.ask("archdsl/partsAt", params).catch(() => [])) ?? [];
    const paths = parts.map((/** @type {{ path: string }} */ part) => part.path);
    await this.#panel?.webview.postMessage({ kind: "mark", paths });
  }

  /** @param {{ kind: string, paths: string[] }} message */
  async #receive(message) {
    if (message.kind === "ready") return this.#soon();
    if (message.kind !== "show" || this.#document === undefined) return;
    const params = { textDocument: { uri: this.#document.uri.toString() }, paths: message.paths };
    const [place] = (await this.#server.ask("archdsl/places", params).catch(() => [])) ?? [];
    if (place === undefined) return;
    const { start, end } = place.range;
    const selection = new vscode.Range(start.line, start.character, end.line, end.character);
    const uri = vscode.Uri.parse(place.uri);
    await vscode.window.showTextDocument(uri, { viewColumn: vscode.ViewColumn.One, selection });
  }
}

function editorTheme() {
  const { kind } = vscode.window.activeColorTheme;
  return kind === vscode.ColorThemeKind.Dark || kind === vscode.ColorThemeKind.HighContrast ? "dark" : "light";
}

/** The page that the pictures are put into. */
function page() {
  const nonce = randomBytes(16).toString("base64");
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'">
<style>
  body { margin: 0; padding: 1rem; text-align: center }
  svg { max-width: 100%; height: auto }
  .stale svg { opacity: 0.45 }
  .marked > *:not(title) { outline: 2px solid var(--vscode-focusBorder) }
  #said { color: var(--vscode-descriptionForeground) }
</style>
<p id="said" role="status">Waiting for a network without errors …</p>
<main id="figure"></main>
<script nonce="${nonce}">
  const editor = acquireVsCodeApi();
  const figure = document.getElementById("figure");
  const said = document.getElementById("said");
  addEventListener("message", ({ data }) => {
    if (data.kind === "mark") {
      for (const node of figure.querySelectorAll(".marked")) node.classList.remove("marked");
      for (const path of data.paths) document.getElementById(path)?.classList.add("marked");
      return;
    }
    said.textContent = data.failure ?? (data.svg ? "" : "Waiting for a network without errors …");
    if (data.svg) figure.innerHTML = data.svg.replace(/^<\\?xml[^>]*>/, "");
    figure.className = data.svg && data.isCurrent ? "" : "stale";
  });
  figure.addEventListener("click", ({ target }) => {
    const paths = [];
    for (let node = target.closest("[id]"); node && node !== figure; node = node.parentElement?.closest("[id]")) paths.push(node.id);
    if (paths.length) editor.postMessage({ kind: "show", paths: paths.slice(0, 1) });
  });
  editor.postMessage({ kind: "ready" });
</script>
</html>`;
}

module.exports = { Preview };
