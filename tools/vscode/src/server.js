// The language server, `archdsl lsp`, as a client sees it.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { Explanations } = require("./explanations");
const { Program } = require("./program");

class Server {
  /** @type {LanguageClient | undefined} */
  #client;
  #log;
  #examined = new vscode.EventEmitter();
  #files = vscode.workspace.createFileSystemWatcher("**/*.arch");

  /** A text has been examined: what is known of it is new. @type {vscode.Event<vscode.Uri>} */
  onDidExamine = this.#examined.event;

  /** @param {vscode.OutputChannel} log */
  constructor(log) {
    this.#log = log;
  }

  async start() {
    const program = Program.of();
    const probe = await program.run(["--version"]);
    if (probe.code !== 0) return void this.#complain(probe.error);
    const run = { command: program.path, args: ["lsp"], options: { cwd: program.folder } };
    /** @type {import("vscode-languageclient/node").LanguageClientOptions} */
    const options = {
      documentSelector: [{ language: "arch", scheme: "file" }, { language: "arch", scheme: "untitled" }],
      outputChannel: this.#log,
      synchronize: { fileEvents: this.#files },
      middleware: {
        handleDiagnostics: (uri, diagnostics, next) => {
          next(uri, diagnostics.map(Explanations.linked));
          this.#examined.fire(uri);
        },
      },
    };
    this.#client = new LanguageClient("archdsl", "archdsl", { run, debug: run }, options);
    try {
      await this.#client.start();
    } catch (failure) {
      void this.#complain(String(failure));
    }
  }

  async restart() {
    await this.#stop();
    await this.start();
  }

  async dispose() {
    this.#files.dispose();
    this.#examined.dispose();
    await this.#stop();
  }

  async #stop() {
    const client = this.#client;
    this.#client = undefined;
    if (client?.needsStop()) await client.stop().catch(() => undefined);
  }

  /** Ask the server; undefined while there is none. @param {string} method @param {object} params @returns {Promise<any>} */
  async ask(method, params) {
    return this.#client?.isRunning() ? this.#client.sendRequest(method, params) : undefined;
  }

  /** Nobody waits for this: a message may stand for hours. @param {string} reason */
  async #complain(reason) {
    this.#log.appendLine(reason);
    const choice = await vscode.window.showErrorMessage(reason.trim() || "archdsl does not start.", "Open Settings");
    if (choice) await vscode.commands.executeCommand("workbench.action.openSettings", "archdsl.path");
  }
}

module.exports = { Server };
