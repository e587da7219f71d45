// The picture beside the text: drawn anew as the text changes, and the last good one while it has errors.
"use strict";

const { randomBytes } = require("node:crypto");
const vscode = require("vscode");

const PAUSE = 250;

class Preview {
  /** @type {vscode.WebviewPanel | undefined} */
  #panel;
  /** The text that the picture is of. @type {vscode.TextDocument | undefined} */
  #document;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #server;
  #icon;
  #watching;

  /** @param {import("./server").Server} server @param {vscode.Uri} icon */
  constructor(server, icon) {
    this.#server = server;
    this.#icon = icon;
    this.#watching = vscode.Disposable.from(
      vscode.workspace.onDidChangeTextDocument(({ document }) => document.languageId === "arch" && this.#soon()),
      server.onDidExamine(() => this.#soon(0)),
      vscode.window.onDidChangeActiveTextEditor((editor) => editor?.document.languageId === "arch" && this.#soon(0)),
      vscode.window.onDidChangeActiveColorTheme(() => this.#soon(0)),
      vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration("archdsl.preview") && this.#soon(0)),
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
      this.#panel.iconPath = this.#icon;
      this.#panel.webview.html = page();
      this.#panel.webview.onDidReceiveMessage((message) => this.#receive(message));
      this.#panel.onDidDispose(() => (this.#panel = undefined));
    }
    this.#panel.reveal(undefined, true);
    this.#soon(0);
  }

  dispose() {
    clearTimeout(this.#timer);
    this.#watching.dispose();
    this.#panel?.dispose();
  }

  #soon(pause = PAUSE) {
    clearTimeout(this.#timer);
    if (this.#panel !== undefined) this.#timer = setTimeout(() => this.#draw(), pause);
  }

  /** Draw the text that is being edited; one that has no network, such as a file of blocks, leaves the picture as it is. */
  async #draw() {
    const active = vscode.window.activeTextEditor?.document;
    const other = active?.languageId === "arch" && active !== this.#document ? active : undefined;
    const found = other && (await this.#figure(other));
    if (found?.svg) this.#document = other;
    const document = this.#document;
    if (document === undefined || document.isClosed) return;
    const figure = found?.svg ? found : await this.#figure(document);
    if (this.#panel === undefined || document !== this.#document) return;
    this.#panel.title = document.fileName.replace(/.*[\\/]/, "");
    await this.#panel.webview.postMessage({ kind: "figure", ...figure, isWrong: isWrong(document) });
    const editor = vscode.window.activeTextEditor;
    if (editor?.document === document) await this.#mark(editor.selection.active);
  }

  /** @param {vscode.TextDocument} document @returns {Promise<{ svg?: string, isCurrent?: boolean, failure?: string } | undefined>} */
  async #figure(document) {
    const chosen = vscode.workspace.getConfiguration("archdsl", document.uri).get("preview.theme", "auto");
    const theme = chosen === "auto" ? editorTheme() : chosen;
    const params = { textDocument: { uri: document.uri.toString() }, options: { theme } };
    return this.#server.ask("archdsl/figure", params).catch((failure) => ({ failure: String(failure) }));
  }

  /** Mark what was written at a place. @param {vscode.Position} position */
  async #mark({ line, character }) {
    if (this.#panel === undefined || this.#document === undefined) return;
    const params = { textDocument: { uri: this.#document.uri.toString() }, position: { line, character } };
    const parts = (await this.#server.ask("archdsl/partsAt", params).catch(() => [])) ?? [];
    const paths = parts.map((/** @type {{ path: string }} */ part) => part.path);
    await this.#panel?.webview.postMessage({ kind: "mark", paths });
  }

  /** @param {{ kind: string, path: string }} message */
  async #receive(message) {
    if (message.kind === "ready") return this.#soon(0);
    if (message.kind === "show" && this.#document !== undefined) return this.#show(message.path, this.#document);
  }

  /**
   * Go to the place that made a part: of what was written elsewhere, the innermost call in this text.
   * @param {string} path @param {vscode.TextDocument} document
   */
  async #show(path, document) {
    const names = path.split(".");
    const paths = names.map((_, index) => names.slice(0, names.length - index).join("."));
    const uri = document.uri.toString();
    /** @type {{ path: string, uri: string, range: vscode.Range }[]} */
    const places = (await this.#server.ask("archdsl/places", { textDocument: { uri }, paths }).catch(() => [])) ?? [];
    places.sort((one, other) => other.path.length - one.path.length);
    const place = places.find((each) => vscode.Uri.parse(each.uri).toString() === uri) ?? places[0];
    if (place === undefined) return;
    const { start, end } = place.range;
    const selection = new vscode.Range(start.line, start.character, end.line, end.character);
    const shown = vscode.window.visibleTextEditors.find((editor) => editor.document === document);
    const viewColumn = shown?.viewColumn ?? vscode.ViewColumn.One;
    await vscode.window.showTextDocument(vscode.Uri.parse(place.uri), { viewColumn, selection });
  }
}

/** @param {vscode.TextDocument} document */
function isWrong(document) {
  return vscode.languages.getDiagnostics(document.uri).some(({ severity }) => severity === vscode.DiagnosticSeverity.Error);
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
  body { margin: 0; padding: 0 1rem; text-align: center }
  svg { max-width: 100%; height: auto; margin: 1rem 0 }
  .stale svg { opacity: 0.45 }
  [id]:has(> rect, > polygon, > path):not(#figure) { cursor: pointer }
  #figure .marked > :is(rect, polygon, path) { stroke: var(--vscode-focusBorder); stroke-width: 3 }
  #said { position: sticky; top: 0; margin: 0 -1rem; padding: 0.5rem; color: var(--vscode-descriptionForeground); background: var(--vscode-editor-background) }
  #said:empty { display: none }
</style>
<p id="said" role="status">Waiting for a network …</p>
<main id="figure"></main>
<script nonce="${nonce}">
  const editor = acquireVsCodeApi();
  const figure = document.getElementById("figure");
  const said = document.getElementById("said");
  let shown = "", marked = "";

  function draw(svg) {
    shown = svg;
    marked = "";
    figure.innerHTML = svg.replace(/^<\\?xml[^>]*>/, "");
    document.body.style.background = getComputedStyle(figure.querySelector(".f-paper") ?? document.body).fill;
  }

  function mark(paths) {
    if (paths.join() === marked) return;
    marked = paths.join();
    for (const node of figure.querySelectorAll(".marked")) node.classList.remove("marked");
    const nodes = paths.map((path) => document.getElementById(path)).filter((node) => node && figure.contains(node));
    for (const node of nodes) node.classList.add("marked");
    nodes[0]?.scrollIntoView({ block: "nearest" });
  }

  addEventListener("message", ({ data }) => {
    if (data.kind === "mark") return mark(data.paths);
    const isStale = !(data.svg && data.isCurrent);
    const waiting = shown || data.svg ? "The last picture without errors" : "Waiting for a network without errors …";
    said.textContent = data.failure ?? (isStale && (data.isWrong || !data.svg) ? waiting : "");
    if (data.svg && data.svg !== shown) draw(data.svg);
    figure.className = isStale ? "stale" : "";
  });
  figure.addEventListener("click", ({ target }) => {
    const part = target.closest("[id]");
    if (part && part !== figure) editor.postMessage({ kind: "show", path: part.id });
  });
  editor.postMessage({ kind: "ready" });
</script>
</html>`;
}

module.exports = { Preview };
