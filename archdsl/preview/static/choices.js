/* How the reader wants to see a page: kept by the browser for one window, through reloads and restarts of the server. */
class Choices {
  constructor(name) {
    this.name = `archdsl preview ${name}`;
    this.known = this.#read();
  }

  get(name) {
    return this.known[name];
  }

  /* Keep a choice; of undefined, nothing. */
  keep(name, value) {
    this.known[name] = value;
    try {
      sessionStorage.setItem(this.name, JSON.stringify(this.known));
    } catch {
      // where nothing can be kept, it is good until the next reload
    }
  }

  /* Give a field what was chosen in it, and keep what will be. */
  hold(field) {
    const options = [...field.options].map((option) => option.value);
    if (options.includes(this.get(field.id))) field.value = this.get(field.id);
    field.addEventListener("change", () => this.keep(field.id, field.value));
  }

  #read() {
    try {
      return { ...JSON.parse(sessionStorage.getItem(this.name)) };
    } catch {
      return {};
    }
  }
}
