// The mesh as its coordinator streams it: one snapshot, then changes, drawn as text and never as HTML.

const PARTS = ["coordinators", "workers", "services"];
const STREAM = "/api/topology/stream";
const LONGEST_WAIT = 15000; // ms between two tries to connect

const state = { coordinators: new Map(), workers: new Map(), services: new Map() };
const rows = { coordinators: new Map(), workers: new Map(), services: new Map() };
let meta = {};
let sequence = null;
let clockOffset = 0; // the server's clock minus ours, in seconds
let lastMessage = null;
let tries = 0;
let drawing = null; // the timer of the next drawing: changes come up to ten times a second

const byId = (id) => document.getElementById(id);
const keyOf = (part, item) => String(part === "services" ? item.name : item.id);
const now = () => Date.now() / 1000 + clockOffset;

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

// ---- the stream -------------------------------------------------------------------------------------------

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}${STREAM}`);
  socket.onmessage = (event) => {
    if (!take(JSON.parse(event.data))) socket.close();
  };
  socket.onclose = () => {
    const wait = Math.min(LONGEST_WAIT, 500 * 2 ** tries) * (0.75 + Math.random() / 2);
    tries += 1;
    sequence = null;
    showLost(Math.max(1, Math.round(wait / 1000)));
    setTimeout(connect, wait);
  };
}

function take(message) {
  const topology = message.topology;
  if (message.type === "snapshot") {
    for (const part of PARTS) {
      state[part] = new Map((topology[part] || []).map((item) => [keyOf(part, item), item]));
    }
  } else if (message.type === "delta" && sequence !== null && message.sequence === sequence + 1) {
    for (const part of PARTS) {
      for (const item of message.changed?.[part] || []) state[part].set(keyOf(part, item), item);
      for (const key of message.removed?.[part] || []) state[part].delete(key);
    }
  } else if (message.type === "delta") {
    return false; // a change was missed: connect again for a fresh snapshot
  }
  sequence = message.sequence;
  clockOffset = message.timestamp - Date.now() / 1000;
  lastMessage = Date.now();
  tries = 0;
  if (topology) meta = topology;
  showLive();
  if (topology) draw();
  else drawing ??= setTimeout(draw, 100 + state.workers.size / 5);
  return true;
}

function showLive() {
  byId("connection").className = "pill good";
  write(byId("connection"), "live");
  byId("notice").hidden = true;
}

function showLost(seconds) {
  byId("connection").className = "pill waiting";
  write(byId("connection"), "reconnecting");
  const since = lastMessage ? ` What you see is from ${new Date(lastMessage).toLocaleTimeString()}.` : "";
  write(byId("notice"), `The coordinator does not answer. The next try is in ${seconds} s.${since}`);
  byId("notice").hidden = false;
}

// ---- drawing ----------------------------------------------------------------------------------------------

function draw() {
  clearTimeout(drawing);
  drawing = null;
  const workers = [...state.workers.values()];
  const services = [...state.services.values()];
  const own = state.coordinators.get(String(meta.coordinator));
  write(byId("coordinator-name"), [meta.coordinator, own?.location].filter(Boolean).join(" · "));
  write(byId("version"), meta.version ? `version ${meta.version}` : "");
  drawTotals(workers, services);
  byId("empty").hidden = workers.length > 0;
  byId("workers-section").hidden = workers.length === 0;
  byId("services-section").hidden = services.length === 0;
  byId("coordinators-section").hidden = state.coordinators.size === 0;
  sync("services", byId("services"), makeService, fillService, serviceOrder);
  sync("workers", byId("workers"), makeWorker, fillWorker, (a, b) => compare(a.id, b.id));
  sync("coordinators", byId("coordinators"), makeCoordinator, fillCoordinator, (a, b) => compare(a.id, b.id));
  applyFilter();
}

function compare(a, b) {
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function serviceOrder(a, b) {
  return Number(b.wanted > 0 && b.healthy === 0) - Number(a.wanted > 0 && a.healthy === 0) || compare(a.title || a.name, b.title || b.name);
}

function sync(part, parent, create, fill, order) {
  const items = [...state[part].values()].sort(order);
  const kept = rows[part];
  for (const [key, row] of kept) {
    if (!state[part].has(key)) {
      row.remove();
      kept.delete(key);
    }
  }
  items.forEach((item, index) => {
    const key = keyOf(part, item);
    let row = kept.get(key);
    if (!row) kept.set(key, (row = create()));
    if (row.item !== item) {
      row.item = item;
      fill(row, item);
    }
    if (parent.children[index] !== row) parent.insertBefore(row, parent.children[index] || null);
  });
}

function drawTotals(workers, services) {
  const active = workers.filter((worker) => worker.status === "active").length;
  const stale = workers.filter((worker) => worker.status === "stale").length;
  const wanted = services.filter((service) => service.wanted > 0);
  const covered = wanted.filter((service) => service.healthy > 0).length;
  const inFlight = workers.reduce((sum, worker) => sum + (worker.in_flight || 0), 0);
  const busy = workers.filter((worker) => worker.status === "active" && worker.load >= 0.9).length;
  const pending = workers.filter((worker) => worker.status === "pending").length;
  const others = workers.length - active - stale - pending;
  const notActive = [pending && `${pending} to be approved`, stale && `${stale} stale`, others && `${others} resting`].filter(Boolean).join(", ");
  showTotals([
    [String(active), active === 1 ? "active worker" : "active workers", notActive, stale + pending > 0],
    [`${covered} of ${wanted.length}`, "services available", covered < wanted.length ? count(wanted.length - covered, "gap", "gaps") : "", true],
    [String(inFlight), inFlight === 1 ? "request in flight" : "requests in flight", busy ? `${busy} nearly full` : "", true],
    [String(state.coordinators.size), state.coordinators.size === 1 ? "coordinator" : "coordinators", "", false],
  ]);
}

function showTotals(totals) {
  const list = byId("totals");
  totals.forEach(([number, label, note, warns], index) => {
    let item = list.children[index];
    if (!item) {
      item = list.appendChild(make("li"));
      item.append(make("strong"), make("span"), make("em"));
    }
    write(item.children[0], number);
    write(item.children[1], label);
    write(item.children[2], note);
    item.children[2].className = note && warns ? "waiting" : "";
  });
}

function makeService() {
  const row = make("li");
  const top = make("div", "top");
  row.title_ = top.appendChild(make("h3"));
  row.pill = top.appendChild(make("span", "pill"));
  row.names = make("p", "names");
  row.healthy = make("p", "quiet");
  row.reason = make("p", "reason");
  row.append(top, row.names, row.healthy, row.reason);
  return row;
}

function fillService(row, service) {
  const missing = service.wanted > 0 && service.healthy === 0;
  write(row.title_, service.title || service.name);
  write(row.pill, missing ? "gap" : service.healthy > 0 ? "available" : "off");
  row.pill.className = `pill ${missing ? "bad" : service.healthy > 0 ? "good" : ""}`;
  write(row.names, [service.name, ...(service.aliases || [])].join(", ") + ` · ${service.tier}`);
  const wanted = service.wanted > 0 ? `, ${service.wanted} wanted` : "";
  write(row.healthy, count(service.healthy, "healthy worker", "healthy workers") + wanted);
  row.reason.hidden = !service.reason;
  write(row.reason, service.reason || "");
}

function makeWorker() {
  const row = make("tr");
  const load = make("div", "load");
  row.bar = make("div", "bar");
  row.bar.setAttribute("role", "meter");
  row.bar.setAttribute("aria-valuemin", "0");
  row.bar.setAttribute("aria-valuemax", "100");
  row.bar.setAttribute("aria-label", "load");
  row.level = row.bar.appendChild(make("i"));
  row.percent = make("output");
  load.append(row.bar, row.percent);
  row.columns = ["id", "type", "services-of", "load-of", "state", "number"].map((name) => row.appendChild(make("td", name)));
  row.columns[3].append(load);
  row.pill = row.columns[4].appendChild(make("span", "pill"));
  return row;
}

function fillWorker(row, worker) {
  const percent = Math.round(100 * Math.min(1, Math.max(0, Number(worker.load) || 0)));
  row.className = worker.status === "stale" ? "stale" : "";
  write(row.columns[0], String(worker.id));
  write(row.columns[1], String(worker.type));
  write(row.columns[2], (worker.services || []).join(", ") || "none yet");
  row.bar.className = `bar ${percent >= 90 ? "full" : percent >= 70 ? "high" : ""}`;
  row.bar.setAttribute("aria-valuenow", String(percent));
  row.level.style.width = `${percent}%`;
  write(row.percent, `${percent} %`);
  write(row.pill, String(worker.status));
  row.pill.className = `pill ${{ active: "good", stale: "bad", draining: "waiting", pending: "waiting" }[worker.status] || ""}`;
  drawAge(row);
}

function drawAge(row) {
  write(row.columns[5], age(row.item.last_seen));
}

function age(seen) {
  if (!seen) return "never";
  const seconds = Math.max(0, Math.round(now() - seen));
  if (seconds < 2) return "just now";
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

function makeCoordinator() {
  const row = make("li");
  row.name = row.appendChild(make("h3"));
  row.url = row.appendChild(make("span", "url"));
  row.workers = row.appendChild(make("span"));
  row.pill = row.appendChild(make("span", "pill"));
  return row;
}

function fillCoordinator(row, coordinator) {
  write(row.name, [coordinator.id, coordinator.location].filter(Boolean).join(" · "));
  write(row.url, String(coordinator.url || ""));
  write(row.workers, count(coordinator.workers, "worker", "workers"));
  write(row.pill, String(coordinator.status));
  row.pill.className = `pill ${coordinator.status === "active" ? "good" : "waiting"}`;
}

function applyFilter() {
  const wanted = byId("filter").value.trim().toLowerCase();
  let shown = 0;
  for (const row of rows.workers.values()) {
    const text = [row.item.id, row.item.type, row.item.status, ...(row.item.services || [])].join(" ").toLowerCase();
    row.hidden = !text.includes(wanted);
    shown += row.hidden ? 0 : 1;
  }
  byId("nothing-found").hidden = shown > 0 || rows.workers.size === 0;
}

byId("filter").addEventListener("input", applyFilter);
setInterval(() => rows.workers.forEach(drawAge), 1000);
connect();
