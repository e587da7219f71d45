/* The page: asks the server what the text comes to, and shows it. */
class Preview {
  /* Milliseconds without a key until a text is looked at, from its picture to a thorough look at all of it, and until a look is long. */
  static PAUSE = 180;
  static REST = 500;
  static LONG = 1000;
  static DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>';
  static KEYS = [
    ["Ctrl+S", "write the file"],
    ["F6", "from the editor to the picture and back, to what belongs together"],
    ["F8", "to the next problem; Shift+F8 to the one before"],
    ["Tab", "in the editor: indent; Shift+Tab takes it back; Escape, then Tab leaves the editor"],
    ["← → ↑ ↓", "on a border: move it; Home and End: as far as it goes; Enter or two clicks: back to where it was"],
  ];

  constructor(start) {
    this.part = (name) => document.getElementById(`preview-${name}`);
    this.choices = new Choices(start.file);
    this.variant = this.choices.get("variant") ?? start.variant;
    this.window = crypto.randomUUID();
    this.serial = 0;
    this.isRenewing = false;
    this.stage = document.getElementById("viewer-stage");
    this.stale = this.stage.parentElement.appendChild(make("p", { class: "stale", role: "status", hidden: "" }));
    const banner = new Banner(this.part("banner"));
    const lexicon = new Lexicon(start.operators, start.words);
    this.banner = banner;
    this.editor = new Editor(document.querySelector(".editor"), lexicon, { changed: () => this.#changed(), moved: (line) => this.#mark(line) });
    this.#restore();
    const nothing = Preview.#nothing(document.getElementById("viewer-heat").value);
    this.viewer = new Viewer(nothing, { selected: () => this.#point(), shown: () => this.#mark(this.editor.line) });
    this.link = new Link(this.viewer);
    this.connection = new Connection(banner, { changed: () => this.file.refresh() });
    this.file = new SourceFile(this.part, this.editor, banner, this.connection, { look: () => this.look() });
    this.problems = new Problems(this.part("problems"), this.part("problems-tab"), this.editor);
    this.summary = new Summary(this.part("summary"), (path) => this.viewer.go(path));
    new Tabs(document.querySelector(".tabs"), this.choices);
    new Downloads(this.part("downloads"), banner, this.connection, { wish: () => this.#download(), name: () => this.viewer.network.name });
    this.viewer.start();
    this.viewer.keyboard.tell(Preview.KEYS);
    this.#listen();
    this.connection.open();
  }

  /* Look as the window did before. */
  #restore() {
    for (const field of [this.part("style"), document.getElementById("viewer-heat")]) this.choices.hold(field);
    document.documentElement.dataset.theme = this.choices.get("theme") ?? "auto";
    const [writing, picture, editor, leaves] = [".writing", ".desk main", ".editor", ".leaves"].map((part) => document.querySelector(part));
    new Splitter(this.part("border"), writing, picture, this.choices);
    new Splitter(this.part("floor"), editor, leaves, this.choices);
  }

  /* What the viewer shows before there is a network, which is to be coloured by a figure. */
  static #nothing(heat) {
    const totals = { parameters: 0, buffers: 0, macs: 0, layers: 0, activations: 0, peak: 0 };
    const picture = { boxes: 0, elements: [], links: [], routes: [], heats: {} };
    const lists = { papers: [], notes: [], operators: [], sources: [], nodes: [], scopes: [], outputs: [] };
    return new Network({ name: "", title: "", arguments: {}, totals, heat, ...lists, shown: 0, pictures: [picture] }, [Preview.DRAWING]);
  }

  // Looking

  /* What is to be seen, or made. */
  #wish() {
    return { text: this.editor.text, variant: this.variant, style: this.part("style").value };
  }

  #download() {
    const wish = this.#wish();
    return { ...wish, theme: this.viewer.isDark ? "dark" : "light", heat: wish.style === "graph" ? this.viewer.heat.name : "" };
  }

  #changed() {
    this.file.show();
    clearTimeout(this.pause);
    this.serial++;
    this.pause = setTimeout(() => this.look(), Preview.PAUSE);
  }

  /* Show what the text comes to; of several looks, the last one counts. */
  async look(isWhole = false) {
    clearTimeout(this.pause);
    const serial = ++this.serial;
    const wish = this.#wish();
    const isOpened = this.viewer.blocks.boxes !== null;
    const busy = isWhole ? 0 : setTimeout(() => this.stage.setAttribute("aria-busy", "true"), Preview.LONG);
    const reply = await this.connection.ask("/show", { ...wish, window: this.window, serial, whole: isWhole, opened: isOpened });
    const answer = await reply?.json().catch(() => ({}));
    clearTimeout(busy);
    if (serial !== this.serial) return;
    this.stage.removeAttribute("aria-busy");
    if (!reply || answer.superseded) return;
    this.banner.say("look", reply.ok ? "" : (answer.error ?? "The server has failed; its terminal says how."));
    if (!reply.ok) return;
    this.#show(answer, wish.text, isWhole);
    if (!isWhole) this.pause = setTimeout(() => this.look(true), Preview.REST);
  }

  /* A quick look leaves what only a thorough one finds as it was. */
  #show(answer, text, isWhole) {
    const late = isWhole ? [] : this.editor.findings.filter((finding) => finding.late);
    const findings = [...answer.diagnostics, ...late].sort((one, other) => (one.at?.[0] ?? -1) - (other.at?.[0] ?? -1));
    this.editor.judge(findings);
    this.problems.show(findings, text);
    this.#offer(answer);
    const isGood = Boolean(answer.network);
    this.stage.classList.toggle("past", !isGood);
    this.stale.hidden = isGood;
    if (isGood) return this.#renew(answer.network, text);
    const isEmpty = !this.viewer.picture.elements.length;
    return put(this.stale, answer.trouble ?? (isEmpty ? "No picture yet: the text has errors" : "The last picture without errors"));
  }

  #renew({ model, drawings, summary }, text) {
    const network = new Network(model, drawings);
    this.banner.say("download");
    this.link.learn(network, text);
    this.isRenewing = true;
    this.viewer.renew(network);
    this.isRenewing = false;
    put(this.viewer.part("about"), network.name);
    document.title = `${network.name} – archdsl preview`;
    this.summary.show(summary);
    this.#mark(this.editor.line);
  }

  #offer({ variants, variant }) {
    const names = ["", ...variants];
    patch(this.part("variant"), ...names.map((name) => make("option", { value: name, "data-key": name }, name || "as it stands")));
    this.part("variant").value = this.variant = variant;
    this.part("variants").hidden = !variants.length;
  }

  // From the picture to the text, and back

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

  // Events

  #listen() {
    this.part("style").addEventListener("change", () => this.look());
    this.part("variant").addEventListener("change", (event) => {
      this.variant = event.target.value;
      this.choices.keep("variant", this.variant);
      this.look();
    });
    this.viewer.part("theme").addEventListener("click", () => this.choices.keep("theme", document.documentElement.dataset.theme));
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  #pressed(event) {
    const isSave = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s";
    const acts = { F6: () => this.#swap(), F8: () => this.editor.step(event.shiftKey ? -1 : 1) };
    const act = isSave ? () => this.file.save() : acts[event.key];
    if (!act) return;
    event.preventDefault();
    if (isSave || !this.viewer.part("keys").open) act();
  }
}

new Preview(JSON.parse(document.getElementById("preview-start").textContent));
