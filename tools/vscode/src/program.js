// Where the program `archdsl` is, and how to run it.
"use strict";

const { execFile } = require("node:child_process");
const vscode = require("vscode");

/** A command of `archdsl` that has ended. @typedef {{ code: number, output: string, error: string }} Finished */

class Program {
  /** @param {string} path @param {string | undefined} folder */
  constructor(path, folder) {
    this.path = path;
    this.folder = folder;
  }

  /** The program for a file, or for the first folder that is open. @param {vscode.Uri} [uri] */
  static of(uri) {
    const folders = vscode.workspace.workspaceFolders;
    const folder = (uri && vscode.workspace.getWorkspaceFolder(uri)) ?? folders?.[0];
    const path = vscode.workspace.getConfiguration("archdsl", uri).get("path", "archdsl").trim() || "archdsl";
    return new Program(path.replaceAll("${workspaceFolder}", folder?.uri.fsPath ?? "."), folder?.uri.fsPath);
  }

  /** @param {string[]} args @returns {Promise<Finished>} */
  run(args) {
    const options = { cwd: this.folder, maxBuffer: 64 * 1024 * 1024, windowsHide: true, env: { ...process.env, NO_COLOR: "1" } };
    return new Promise((resolve) => {
      execFile(this.path, args, options, (failure, output, error) => {
        const missing = failure?.code === "ENOENT";
        const code = failure === null ? 0 : typeof failure.code === "number" ? failure.code : 2;
        resolve({ code, output, error: missing ? this.missing : error });
      });
    });
  }

  /** What to say where there is no such program. */
  get missing() {
    return `\`${this.path}\` was not found. Install it with \`pip install archdsl\`, or set archdsl.path.`;
  }
}

module.exports = { Program };
