/* Show what the page holds. */
async function start() {
  const text = (id) => document.getElementById(`viewer-${id}`).textContent;
  const drawings = (await unpack(text("pictures"))).split("\0");
  new Viewer(new Network(JSON.parse(text("model")), drawings)).start();
}

start();
