/* Make an element of the page; text is text, whatever it holds. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element[key] = value;
    else if (value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/* Give an element another text; one that it has already is not said again. */
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/* Give an element other content. What stays the same keeps focus, selection and scroll; focus in what goes away stays near. */
function patch(root, ...content) {
  const held = root.contains(document.activeElement) ? document.activeElement : null;
  merge(root, make("div", {}, ...content));
  if (!held || document.activeElement === held) return;
  const near = held.isConnected ? held : (root.closest("[tabindex]") ?? root.querySelector("[tabindex]"));
  near?.focus({ preventScroll: true });
}

/* Make children equal to those of another element: a child is known by its kind and `data-key`, and its place among such. */
function merge(root, wanted) {
  const known = keyed(root);
  const next = keyed(wanted);
  for (const [key, node] of known) if (!next.has(key)) node.remove();
  let spot = root.firstChild;
  for (const [key, node] of next) {
    const kept = known.get(key);
    if (kept) renew(kept, node);
    if (kept && kept === spot) spot = spot.nextSibling;
    else root.insertBefore(kept ?? node, spot);
  }
}

function keyed(root) {
  const seen = new Map();
  const key = (node) => {
    const kind = `${node.nodeName} ${node.dataset?.key ?? ""}`;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    return `${kind} ${seen.get(kind)}`;
  };
  return new Map([...root.childNodes].map((node) => [key(node), node]));
}

function renew(node, wanted) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  for (const { name } of [...node.attributes]) if (!wanted.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  node.onclick = wanted.onclick;
  merge(node, wanted);
}

function exact(number) {
  return number === null ? "not counted" : number.toLocaleString("en-US");
}

/* A path that may go on in the next line behind each of its dots. */
function breakable(parts) {
  return parts.flatMap((part, place) => (place ? [".", make("wbr"), part] : [part]));
}

function terms(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== "");
  return make("dl", {}, ...shown.flatMap(([name, value]) => [make("dt", { "data-key": name }, name), make("dd", { "data-key": name }, value)]));
}
