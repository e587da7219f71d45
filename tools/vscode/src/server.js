// The language server, `archdsl lsp`, as a client sees it.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { Program } = require("./program");

class Server {
  /** @type {LanguageClient | undefined} */
  #client;
  #log;

  /** @param {vscode.OutputChannel} log */
  constructor(log) {
    this.#log = log;
  }

  async start() {
    const program = Program.of();
    const probe = await program.run(["--version"]);
    if (probe.code !== 0) return this.#complain(probe.error);
    const run = { command: program.path, args: ["lsp"], options: { cwd: program.folder } };
    const options = {
      documentSelector: [{ language: "arch", scheme: "file" }, { language: "arch", scheme: "untitled" }],
      outputChannel: this.#log,
    };
    this.#client = new LanguageClient("archdsl", "archdsl", { run, debug: run }, options);
    try {
      await this.#client.start();
    } catch (failure) {
      await this.#complain(String(failure));
    }
  }

  async restart() {
    await this.dispose();
    await this.start();
  }

  async dispose() {
    const client = this.#client;
    this.#client = undefined;
    if (client?.needsStop()) await client.stop().catch(() => undefined);
  }

  /** Ask the server; undefined while there is none. @param {string} method @param {object} params @returns {Promise<any>} */
  async ask(method, params) {
    return this.#client?.isRunning() ? this.#client.sendRequest(method, params) : undefined;
  }

  /** @param {string} reason */
  async #complain(reason) {
    this.#log.appendLine(reason);
    const choice = await vscode.window.showErrorMessage(reason.trim() || "archdsl does not start.", "Open Settings");
    if (choice) await vscode.commands.executeCommand("workbench.action.openSettings", "archdsl.path");
  }
}

module.exports = { Server };
