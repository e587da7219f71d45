/* What stands in the way, above everything: one thing at a time, each until it is over. */
class Banner {
  static ORDER = ["server", "file", "save", "download", "look"];

  constructor(root) {
    Object.assign(this, { root, said: new Map() });
  }

  /* Say something about a subject; the empty text takes it back. */
  say(subject, text = "") {
    this.said.set(subject, text);
    const first = Banner.ORDER.map((each) => this.said.get(each)).find(Boolean) ?? "";
    put(this.root, first);
    this.root.hidden = !first;
  }
}
