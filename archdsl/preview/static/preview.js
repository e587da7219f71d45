/* The page: asks the server what the text comes to, shows it, and follows the file. */
class Preview {
  /* Milliseconds without a key until a text is looked at, and from its picture to a thorough look at all of it. */
  static PAUSE = 180;
  static REST = 500;
  static RETRY = 1000;
  static DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>';
  static SUFFIXES = { tikz: "tex" };
  static KEYS = [
    ["Ctrl+S", "write the file"],
    ["F6", "from the editor to the picture and back, to what belongs together"],
    ["F8", "to the next problem; Shift+F8 to the one before"],
  ];

  constructor(start) {
    this.part = (name) => document.getElementById(`preview-${name}`);
    this.variant = start.variant;
    this.window = crypto.randomUUID();
    this.serial = 0;
    this.disk = { text: "", digest: "", trouble: null };
    this.newer = null;
    this.isRenewing = false;
    this.stage = document.getElementById("viewer-stage");
    this.stale = this.stage.parentElement.appendChild(make("p", { class: "stale", role: "status", hidden: "" }));
    const lexicon = new Lexicon(start.operators, start.words);
    this.editor = new Editor(document.querySelector(".editor"), lexicon, { changed: () => this.#changed(), moved: (line) => this.#mark(line) });
    this.viewer = new Viewer(Preview.#nothing(), { selected: () => this.#point(), shown: () => this.#mark(this.editor.line) });
    this.link = new Link(this.viewer);
    this.viewer.start();
    this.#listen();
    this.#tellKeys();
  }

  /* What the viewer shows before there is a network. */
  static #nothing() {
    const totals = { parameters: 0, buffers: 0, macs: 0, layers: 0, activations: 0, peak: 0 };
    const picture = { boxes: 0, elements: [], links: [], routes: [], heats: {} };
    const lists = { papers: [], notes: [], operators: [], sources: [], nodes: [], scopes: [], outputs: [] };
    return new Network({ name: "", title: "", arguments: {}, totals, ...lists, shown: 0, pictures: [picture] }, [Preview.DRAWING]);
  }

  get style() {
    return this.part("style").value;
  }

  get isChanged() {
    return this.editor.text !== this.disk.text;
  }

  // The server

  async #ask(path, values) {
    const body = values && JSON.stringify(values);
    return fetch(path, { method: values ? "POST" : "GET", body, headers: values ? { "Content-Type": "application/json" } : {} });
  }

  /* Listen for changes while the window can be seen: a browser has few connections to one server. */
  connect() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.retry);
    if (document.hidden) return;
    const source = new EventSource("/events");
    this.source = source;
    source.addEventListener("hello", () => {
      this.#say("");
      this.refresh();
    });
    source.addEventListener("changed", () => this.refresh());
    source.addEventListener("error", () => this.source === source && this.#lose());
  }

  async #lose() {
    this.source.close();
    this.source = null;
    this.retry = setTimeout(() => this.connect(), Preview.RETRY);
    this.#say("The server has stopped. When archdsl preview runs again, this page goes on by itself; your text is kept.");
    const reply = await this.#ask("/file").catch(() => null);
    if (reply?.status === 403) this.#say("The server has been started anew, with another address: open the one on its terminal. Your text is kept here.");
  }

  #say(text) {
    this.part("banner").textContent = text;
    this.part("banner").hidden = !text;
  }

  /* Take what is on the disk, unless there is something of the writer's own. */
  async refresh() {
    const reply = await this.#ask("/file").catch(() => null);
    if (!reply?.ok) return;
    const stored = await reply.json();
    if (stored.trouble) this.#say(`The file cannot be read: ${stored.trouble}. Your text is kept; Save writes it.`);
    else if (this.disk.trouble) this.#say("");
    const isNew = stored.digest !== this.disk.digest;
    const isFree = !this.isChanged || stored.text === this.editor.text;
    this.newer = isNew && !isFree && !stored.trouble ? stored : null;
    if (stored.trouble) this.disk = { ...this.disk, digest: "", trouble: stored.trouble };
    else if (!this.newer) this.disk = stored;
    if (!stored.trouble && isNew && isFree && this.editor.text !== stored.text) this.editor.load(stored.text);
    this.#state();
    this.look();
  }

  async save() {
    if (this.newer) return this.part("keep").focus();
    const { text } = this.editor;
    const reply = await this.#ask("/save", { text, digest: this.disk.digest }).catch(() => null);
    if (!reply) return undefined; // the server is gone, which the banner says
    if (reply.status === 409) return this.refresh();
    const answer = await reply.json();
    if (!reply.ok) return this.#say(answer.error);
    this.disk = answer;
    this.#say("");
    return this.#state();
  }

  async download(format) {
    this.part("downloads").open = false;
    const theme = this.viewer.isDark ? "dark" : "light";
    const heat = this.style === "graph" ? this.viewer.heat : "";
    const wish = { text: this.editor.text, variant: this.variant, style: this.style, format, theme, heat };
    const reply = await this.#ask("/made", wish).catch(() => null);
    if (!reply) return;
    if (!reply.ok) {
      this.#say(`There is nothing to download: ${(await reply.json()).error}.`);
      return;
    }
    const link = URL.createObjectURL(await reply.blob());
    make("a", { href: link, download: `${this.viewer.network.name}.${Preview.SUFFIXES[format] ?? format}` }).click();
    setTimeout(() => URL.revokeObjectURL(link), 10_000);
  }

  // Looking

  #changed() {
    this.#state();
    clearTimeout(this.pause);
    this.serial++;
    this.pause = setTimeout(() => this.look(), Preview.PAUSE);
  }

  /* Show what the text comes to; of several looks, the last one counts. */
  async look(isWhole = false) {
    clearTimeout(this.pause);
    const serial = ++this.serial;
    const { text } = this.editor;
    const wish = { window: this.window, serial, text, variant: this.variant, style: this.style, whole: isWhole };
    const reply = await this.#ask("/show", wish).catch(() => null);
    if (!reply || serial !== this.serial) return;
    const answer = await reply.json().catch(() => ({}));
    if (serial !== this.serial || answer.superseded) return;
    if (!reply.ok) {
      this.#say(answer.error ?? "The server has failed; its terminal says how.");
      return;
    }
    this.#show(answer, text, isWhole);
    if (!isWhole) this.pause = setTimeout(() => this.look(true), Preview.REST);
  }

  /* A quick look leaves what only a thorough one finds as it was. */
  #show(answer, text, isWhole) {
    const late = isWhole ? [] : this.editor.findings.filter((finding) => finding.late);
    const findings = [...answer.diagnostics, ...late].sort((one, other) => (one.at?.[0] ?? -1) - (other.at?.[0] ?? -1));
    this.judged = text;
    this.editor.judge(findings);
    this.#listProblems(findings);
    this.#offer(answer);
    const isGood = Boolean(answer.network);
    this.stage.classList.toggle("past", !isGood);
    this.stale.hidden = isGood;
    const isEmpty = !this.viewer.picture.elements.length;
    this.stale.textContent = answer.trouble ?? (isEmpty ? "No picture yet: the text has errors" : "The last picture without errors");
    if (isGood) this.#renew(answer.network, text);
  }

  #renew({ model, drawings, summary }, text) {
    const network = new Network(model, drawings);
    this.link.learn(network, text);
    this.isRenewing = true;
    this.viewer.renew(network);
    this.isRenewing = false;
    this.viewer.part("about").textContent = network.name;
    document.title = `${network.name} – archdsl preview`;
    this.#listSummary(summary);
    this.#mark(this.editor.line);
  }

  /* From the picture to the text, and back. */
  #point() {
    if (!this.isRenewing) this.editor.point(this.link.place(this.editor.text));
  }

  #mark(line) {
    if (!this.link || line < 0) return;
    this.viewer.mark(this.link.boxes(line, this.editor.text));
  }

  #swap() {
    const isWriting = document.activeElement === this.editor.area;
    const place = this.link.place(this.editor.text);
    if (!isWriting) return place ? this.editor.go([place[0], place[0]]) : this.editor.area.focus();
    const [box] = this.viewer.marked;
    return box === undefined ? this.stage.focus() : this.viewer.select(box);
  }

  // The writing side

  #state() {
    const isLost = Boolean(this.disk.trouble);
    this.part("save").disabled = (!this.isChanged && !isLost) || Boolean(this.newer);
    this.part("revert").hidden = !this.isChanged || isLost;
    this.part("state").textContent = isLost ? "not on disk" : this.isChanged ? "not saved" : "";
    this.part("conflict").hidden = !this.newer;
  }

  /* Take what is on the disk in place of what is written here. */
  #take() {
    this.disk = this.newer ?? this.disk;
    this.newer = null;
    this.editor.load(this.disk.text);
    this.#state();
    this.look();
    this.editor.area.focus();
  }

  #keep() {
    this.disk = this.newer ?? this.disk;
    this.newer = null;
    this.#state();
    this.editor.area.focus();
  }

  #offer({ variants, variant }) {
    const names = ["", ...variants];
    const select = this.part("variant");
    if (names.join() !== [...select.options].map((option) => option.value).join()) {
      select.replaceChildren(...names.map((name) => make("option", { value: name }, name || "as it stands")));
    }
    select.value = this.variant = variant;
    this.part("variants").hidden = !variants.length;
  }

  #listProblems(findings) {
    const errors = findings.filter((finding) => finding.severity === "error").length;
    const tab = this.part("problems-tab");
    tab.textContent = findings.length ? `Problems ${findings.length}` : "Problems";
    tab.classList.toggle("error", errors > 0);
    const list = make("ol", { class: "findings" }, ...findings.map((finding) => this.#finding(finding)));
    this.part("problems").replaceChildren(findings.length ? list : make("p", { class: "quiet" }, "Nothing is wrong."));
  }

  #finding(finding) {
    const { at, code, fixes, hint, labels, message, severity, where } = finding;
    const place = where.replace(/^.*?(\d+:\d+)$/, "$1");
    const head = [make("span", { class: `sign ${severity}` }, severity), make("span", { class: "message" }, message), make("span", { class: "code" }, `${code} · ${at ? place : where}`)];
    const button = (range, ...content) => make("button", { type: "button", onclick: () => this.editor.go(this.#now(range)) }, ...content);
    return make(
      "li",
      {},
      at ? button(at, ...head) : make("div", {}, ...head),
      hint && make("p", { class: "hint" }, hint),
      ...labels.map((label) => button(label.at, make("span", { class: "label" }, `${label.message} · ${label.where.replace(/^.*?(\d+:\d+)$/, "$1")}`))),
      ...fixes.map((fix) => make("button", { type: "button", class: "fix", onclick: () => this.#mend(fix) }, fix.title)),
    );
  }

  /* A place of the text that was judged, in the text as it is. */
  #now([start, end]) {
    const shift = new Shift(this.judged, this.editor.text);
    return [shift.offset(start), shift.offset(end)];
  }

  #mend(fix) {
    const shift = new Shift(this.judged, this.editor.text);
    const edits = fix.edits.map(({ at, text }) => ({ at: shift.range(at), text }));
    if (edits.every(({ at }) => at)) this.editor.edit(edits);
  }

  #listSummary({ title, rows, totals }) {
    const head = make("tr", {}, ...["Layer", "Output", "Parameters", "MACs"].map((name) => make("th", { scope: "col" }, name)));
    const body = rows.map((row) => {
      const layer = make("button", { type: "button", title: row.caption, "data-level": row.level, onclick: () => this.viewer.go(row.path) }, row.label);
      layer.style.marginInlineStart = `${row.level * 14}px`;
      return make("tr", {}, make("th", { scope: "row" }, layer), ...[row.output, row.parameters, row.macs].map((cell) => make("td", {}, cell)));
    });
    const figures = totals.map(([name, value, note]) => make("tr", {}, name ? make("th", { scope: "row" }, name) : make("td", {}), make("td", {}, value), make("td", { class: "note" }, note)));
    this.part("summary").replaceChildren(
      make("h3", {}, title),
      make("table", { class: "layers" }, make("thead", {}, head), make("tbody", {}, ...body)),
      make("table", { class: "figures" }, make("tbody", {}, ...figures)),
    );
  }

  // Events

  #listen() {
    const clicks = { save: () => this.save(), revert: () => this.#take(), take: () => this.#take(), keep: () => this.#keep() };
    for (const [name, act] of Object.entries(clicks)) this.part(name).addEventListener("click", act);
    for (const button of this.part("downloads").querySelectorAll("button")) button.addEventListener("click", () => this.download(button.dataset.format));
    this.part("style").addEventListener("change", () => this.look());
    this.part("variant").addEventListener("change", (event) => {
      this.variant = event.target.value;
      this.look();
    });
    for (const name of ["problems", "summary"]) this.part(`${name}-tab`).addEventListener("click", () => this.#turn(name));
    document.querySelector(".tabs").addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      this.#turn(this.part("summary").hidden ? "summary" : "problems", true);
    });
    document.addEventListener("keydown", (event) => this.#pressed(event));
    document.addEventListener("click", ({ target }) => this.part("downloads").contains(target) || (this.part("downloads").open = false));
    document.addEventListener("visibilitychange", () => this.connect());
    window.addEventListener("beforeunload", (event) => this.isChanged && event.preventDefault());
  }

  #turn(name, focuses = false) {
    for (const each of ["problems", "summary"]) {
      const tab = this.part(`${each}-tab`);
      tab.setAttribute("aria-selected", String(each === name));
      tab.setAttribute("tabindex", each === name ? "0" : "-1");
      this.part(each).hidden = each !== name;
      if (focuses && each === name) tab.focus();
    }
  }

  #pressed(event) {
    const isSave = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s";
    const acts = { F6: () => this.#swap(), F8: () => this.editor.step(event.shiftKey ? -1 : 1) };
    const act = isSave ? () => this.save() : acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #tellKeys() {
    const rows = Preview.KEYS.flatMap(([key, text]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)]);
    document.querySelector("#viewer-keys dl").append(...rows);
  }
}

new Preview(JSON.parse(document.getElementById("preview-start").textContent)).connect();
