/* The server: what it is asked, and what it tells of itself. */
class Connection {
  static RETRY = 1000;
  static STOPPED = "The server has stopped. When archdsl preview runs again, this page goes on by itself; your text is kept.";
  static MOVED = "The server has been started anew, with another address: open the one on its terminal. Your text is kept here.";

  /* Listeners are told of what is `changed` on the disk. */
  constructor(banner, listeners) {
    Object.assign(this, { banner, listeners, source: null });
    document.addEventListener("visibilitychange", () => this.open());
  }

  /* An answer; null while there is no server. */
  async ask(path, values) {
    const body = values && JSON.stringify(values);
    const headers = values ? { "Content-Type": "application/json" } : {};
    return fetch(path, { method: values ? "POST" : "GET", body, headers }).catch(() => null);
  }

  /* Listen for changes while the window can be seen: a browser has few connections to one server. */
  open() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.retry);
    if (document.hidden) return;
    const source = new EventSource("/events");
    this.source = source;
    source.addEventListener("hello", () => {
      this.banner.say("server");
      this.listeners.changed();
    });
    source.addEventListener("changed", () => this.listeners.changed());
    source.addEventListener("error", () => this.source === source && this.#lose());
  }

  async #lose() {
    this.source.close();
    this.source = null;
    this.retry = setTimeout(() => this.open(), Connection.RETRY);
    const reply = await this.ask("/file");
    this.banner.say("server", reply?.status === 403 ? Connection.MOVED : Connection.STOPPED);
  }
}
