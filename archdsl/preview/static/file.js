/* The file: written when the writer says so, taken over when somebody else has written it. */
class SourceFile {
  /* Listeners are told when there may be something else to `look` at. */
  constructor(part, editor, banner, connection, listeners) {
    Object.assign(this, { part, editor, banner, connection, listeners, newer: null });
    this.disk = { text: "", digest: "", trouble: null };
    const clicks = { save: () => this.save(), revert: () => this.#revert(), take: () => this.#take(), keep: () => this.#keep() };
    for (const [name, act] of Object.entries(clicks)) part(name).addEventListener("click", act);
    window.addEventListener("beforeunload", (event) => this.isChanged && event.preventDefault());
  }

  get isChanged() {
    return this.editor.text !== this.disk.text;
  }

  /* Take what is on the disk, unless there is something of the writer's own. */
  async refresh() {
    const reply = await this.connection.ask("/file");
    if (!reply?.ok) return;
    const stored = await reply.json();
    this.banner.say("file", stored.trouble ? `The file cannot be read: ${stored.trouble}. Your text is kept; Save writes it.` : "");
    const isNew = stored.digest !== this.disk.digest;
    const isFree = !this.isChanged || stored.text === this.editor.text;
    this.newer = isNew && !isFree && !stored.trouble ? stored : null;
    if (stored.trouble) this.disk = { ...this.disk, digest: "", trouble: stored.trouble };
    else if (!this.newer) this.disk = stored;
    if (!stored.trouble && isNew && isFree && this.editor.text !== stored.text) this.editor.load(stored.text);
    this.show();
    this.listeners.look();
  }

  async save() {
    if (this.newer) return this.part("keep").focus();
    const { text } = this.editor;
    const reply = await this.connection.ask("/save", { text, digest: this.disk.digest });
    if (!reply) return undefined; // the server is gone, which the banner says
    if (reply.status === 409) return this.refresh();
    const answer = await reply.json();
    this.banner.say("save", reply.ok ? "" : `Not saved: ${answer.error}.`);
    if (!reply.ok) return undefined;
    this.disk = answer;
    this.banner.say("file");
    return this.show();
  }

  /* Say how the text and the file are to one another. */
  show() {
    const isLost = Boolean(this.disk.trouble);
    this.part("save").disabled = (!this.isChanged && !isLost) || Boolean(this.newer);
    this.part("revert").hidden = !this.isChanged || isLost || Boolean(this.newer);
    put(this.part("state"), isLost ? "not on disk" : this.isChanged ? "not saved" : "");
    this.part("conflict").hidden = !this.newer;
  }

  /* Take what is on the disk in place of what is written here, which undoing brings back. */
  #revert() {
    this.editor.replace(this.disk.text);
    this.show();
  }

  #take() {
    this.disk = this.newer;
    this.newer = null;
    this.#revert();
  }

  #keep() {
    this.disk = this.newer;
    this.newer = null;
    this.show();
    this.editor.area.focus();
  }
}
