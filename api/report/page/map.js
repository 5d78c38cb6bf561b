// The map: two canvases' worth of work in one. Roads are cached as paths and rebuilt only when the zoom changes.
const roadMap = (() => {
  const panel = document.getElementById("map-panel");
  const box = document.getElementById("map");
  const canvas = box.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const tip = document.getElementById("tip");
  const [WIDTH, HEIGHT] = DATA.map.size;
  const DELTAS = [-10, -2, 2, 10];
  const DELTA_NAMES = ["10 s less or better", "2–10 s less", "about the same", "2–10 s more", "over 10 s more"];
  const view = { x: WIDTH / 2, y: HEIGHT / 2, scale: 0, mode: 0, width: "flow", dots: "los", mark: -1 };
  let built = { key: "" }, size = { w: 0, h: 0 }, colours = {}, pending = false;

  const lines = DATA.map.full.map((link) => absolute(link[5]));
  const thin = new Path2D();
  for (const line of DATA.map.thin) trace(thin, absolute(line), 0);

  function absolute(line) {
    const out = new Float32Array(line.length);
    let x = 0, y = 0;
    for (let i = 0; i < line.length; i += 2) { x += line[i]; y += line[i + 1]; out[i] = x; out[i + 1] = HEIGHT - y; }
    return out;
  }
  function trace(path, line, aside) {
    // Beside the centre line, on the right-hand side of travel.
    const count = line.length / 2;
    for (let i = 0; i < count; i++) {
      const a = Math.max(i - 1, 0) * 2, b = Math.min(i + 1, count - 1) * 2;
      const dx = line[b] - line[a], dy = line[b + 1] - line[a + 1], length = Math.hypot(dx, dy) || 1;
      const x = line[2 * i] - aside * dy / length, y = line[2 * i + 1] + aside * dx / length;
      if (i) path.lineTo(x, y); else path.moveTo(x, y);
    }
  }
  function deltaBin(value) { let bin = 0; while (bin < 4 && value > DELTAS[bin]) bin++; return bin; }
  function linkBin(index) {
    if (view.mode < 2) return xBin(DATA.map.cases[view.mode][index][1]);
    return deltaBin(DATA.map.cases[0][index][2] - DATA.map.cases[1][index][2]);
  }
  function linkWidth(index) {
    const zoom = Math.min(2.6, Math.max(0.75, Math.sqrt(view.scale / 0.055)));
    if (view.width === "lanes") return Math.round(DATA.map.full[index][1] * 0.95 * zoom * 2) / 2;
    const flow = DATA.map.cases[view.mode % 2][index][0];
    return Math.round(Math.min(6, 0.7 + flow / 620) * zoom * 2) / 2;
  }
  function build() {
    const key = [view.scale, view.mode, view.width].join();
    if (built.key === key) return;
    const buckets = new Map();
    lines.forEach((line, index) => {
      const bin = linkBin(index), width = Math.max(0.5, linkWidth(index)), name = bin * 1000 + width * 2;
      if (!buckets.has(name)) buckets.set(name, { bin, width, path: new Path2D() });
      trace(buckets.get(name).path, line, (width / 2 + 0.4) / view.scale);
    });
    const worst = view.mode < 2 ? (b) => b.bin : (b) => Math.abs(b.bin - 2);
    built = { key, list: [...buckets.values()].sort((a, b) => worst(a) - worst(b) || a.width - b.width) };
  }
  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["map", "thin", "ink", "panel", "accent", "x0", "x1", "x2", "x3", "x4", "x5", "d0", "d1", "d2", "d3", "d4"]) colours[name] = style.getPropertyValue("--" + name).trim();
  }
  function dotBin(index) {
    const cases = DATA.junctions[index].cases;
    if (view.mode === 2) return deltaBin(cases[0].all[2] - cases[1].all[2]);
    const all = cases[view.mode].all;
    return view.dots === "x" ? xBin(all[1]) : losBin(all[3]);
  }
  const dotRadius = () => Math.min(9, Math.max(2.6, 3.1 * Math.sqrt(view.scale / 0.055)));
  const screen = (x, y) => [(x - view.x) * view.scale + size.w / 2, (HEIGHT - y - view.y) * view.scale + size.h / 2];

  function draw() {
    pending = false;
    if (!size.w) return;
    build();
    const ratio = window.devicePixelRatio || 1, k = view.scale * ratio;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = colours.map;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.setTransform(k, 0, 0, k, canvas.width / 2 - view.x * k, canvas.height / 2 - view.y * k);
    pen.lineJoin = "round"; pen.lineCap = "butt";
    pen.strokeStyle = colours.thin; pen.lineWidth = 1 / view.scale; pen.stroke(thin);
    const ramp = view.mode < 2 ? "x" : "d";
    for (const bucket of built.list) {
      pen.strokeStyle = colours[ramp + bucket.bin]; pen.lineWidth = bucket.width / view.scale; pen.stroke(bucket.path);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawDots(ramp);
    if (view.scale > 0.16) drawNames();
    drawScale();
  }
  function drawDots(ramp) {
    const radius = dotRadius();
    const order = DATA.junctions.map((_, index) => index).sort((a, b) => dotBin(a) - dotBin(b));
    pen.lineWidth = 1; pen.strokeStyle = colours.panel;
    for (const index of order) {
      const [x, y] = screen(DATA.junctions[index].x, DATA.junctions[index].y);
      if (x < -20 || y < -20 || x > size.w + 20 || y > size.h + 20) continue;
      const crossing = DATA.junctions[index].t === 1;
      const bin = dotBin(index);
      pen.fillStyle = bin < 0 ? colours.thin : colours[ramp + bin];
      pen.beginPath();
      if (crossing) pen.rect(x - radius * 0.7, y - radius * 0.7, radius * 1.4, radius * 1.4); else pen.arc(x, y, radius, 0, 7);
      pen.fill(); pen.stroke();
      if (index === view.mark) { pen.save(); pen.strokeStyle = colours.ink; pen.lineWidth = 2; pen.beginPath(); pen.arc(x, y, radius + 5, 0, 7); pen.stroke(); pen.restore(); }
    }
  }
  function drawNames() {
    pen.font = "12px system-ui, sans-serif"; pen.textAlign = "left"; pen.textBaseline = "middle";
    pen.lineWidth = 3; pen.strokeStyle = colours.map; pen.fillStyle = colours.ink; pen.lineJoin = "round";
    const taken = [];
    DATA.junctions.forEach((junction) => {
      const [x, y] = screen(junction.x, junction.y);
      if (x < 0 || y < 0 || x > size.w || y > size.h) return;
      const radius = dotRadius(), width = pen.measureText(junction.n).width, above = y - radius - 7;
      const right = x + radius + 3, left = right + width > size.w ? x - radius - 3 - width : right;
      if (taken.some(([a, b, c]) => Math.abs(b - above) < 15 && left < c && a < left + width)) return;
      taken.push([left, above, left + width]);
      pen.strokeText(junction.n, left, above); pen.fillText(junction.n, left, above);
    });
  }
  function drawScale() {
    const step = [50, 100, 200, 500, 1000, 2000, 5000, 10000].find((metres) => metres * view.scale > 60) || 20000;
    const bar = el("i", {}); bar.style.width = step * view.scale + "px";
    document.getElementById("scale").replaceChildren(step < 1000 ? step + " m" : step / 1000 + " km", bar);
  }
  function legend() {
    const change = view.mode === 2, ramp = change ? "d" : "x";
    const names = change ? DELTA_NAMES : X_NAMES;
    const key = (kind, name, bin) => { const i = el("i", {}); i.style.background = `var(--${ramp}${bin})`; return el("span", { class: "key " + kind }, i, name); };
    const dots = change ? null : view.dots === "x" ? X_NAMES : [...LOS].map((l, k) => l + ["  to 10 s", "  20", "  35", "  55", "  80", "  more"][k]);
    document.getElementById("legend").replaceChildren(
      el("div", { class: "row" }, el("b", {}, change ? "Delay per vehicle" : "Roads: X"), names.map((name, bin) => key("line", name, bin))),
      dots ? el("div", { class: "row" }, el("b", {}, view.dots === "x" ? "Dots: X" : "Dots: LOS"), dots.map((name, bin) => key("dot", name, bin))) : "",
      el("div", { class: "row muted" }, `${view.width === "flow" ? "Wider: more flow" : "Wider: more lanes"} · grey: no flow · square: pedestrian crossing`),
    );
  }
  const request = () => { if (!pending) { pending = true; requestAnimationFrame(draw); } };
  // The legend covers the lower left corner: the whole network fits above it.
  const covered = () => (size.w < 700 ? 0 : document.getElementById("legend").offsetHeight + 10);
  const fitScale = () => Math.min(size.w / (WIDTH * 1.03), (size.h - covered()) / (HEIGHT * 1.04));
  function home() { view.scale = fitScale(); view.x = WIDTH / 2; view.y = HEIGHT / 2 + covered() / 2 / view.scale; request(); }
  function start() {
    // Roads that lead far out of town would leave the signals in a small heap: begin with these.
    if (DATA.junctions.length < 2) { home(); return; }
    const xs = DATA.junctions.map((junction) => junction.x), ys = DATA.junctions.map((junction) => HEIGHT - junction.y);
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const scale = Math.min(size.w / (1.04 * (right - left) + 800), (size.h - covered()) / (1.04 * (bottom - top) + 800));
    if (scale < 1.2 * fitScale()) { home(); return; }
    view.scale = scale; view.x = (left + right) / 2; view.y = (top + bottom) / 2 + covered() / 2 / scale; request();
  }
  function zoom(factor, px = size.w / 2, py = size.h / 2) {
    const scale = Math.min(4, Math.max(fitScale() * 0.7, view.scale * factor));
    view.x += (px - size.w / 2) * (1 / view.scale - 1 / scale);
    view.y += (py - size.h / 2) * (1 / view.scale - 1 / scale);
    view.scale = scale; request();
  }
  function resize() {
    const first = !size.w, ratio = window.devicePixelRatio || 1;
    size = { w: box.clientWidth, h: box.clientHeight };
    if (!size.w) return;
    canvas.width = Math.round(size.w * ratio); canvas.height = Math.round(size.h * ratio);
    if (first) start();
    if (view.goal) { [view.x, view.y, view.scale] = view.goal; view.goal = null; }
    draw();  // at once: a new size has wiped the canvas
  }

  // What lies under the pointer: the nearest junction, else the nearest road.
  function junctionNear(px, py, reach) {
    let best = -1, least = reach;
    DATA.junctions.forEach((junction, index) => {
      const [x, y] = screen(junction.x, junction.y), gap = Math.hypot(x - px, y - py);
      if (gap < least) { least = gap; best = index; }
    });
    return best;
  }
  function linkNear(px, py, reach) {
    const x = (px - size.w / 2) / view.scale + view.x, y = (py - size.h / 2) / view.scale + view.y;
    let best = -1, least = (reach / view.scale) ** 2;
    lines.forEach((line, index) => {
      const aside = (linkWidth(index) / 2 + 0.4) / view.scale;
      for (let i = 0; i + 3 < line.length; i += 2) {
        let dx = line[i + 2] - line[i], dy = line[i + 3] - line[i + 1];
        const length = Math.hypot(dx, dy) || 1, ax = line[i] - aside * dy / length, ay = line[i + 1] + aside * dx / length;
        const t = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (length * length)));
        const gap = (ax + t * dx - x) ** 2 + (ay + t * dy - y) ** 2;
        if (gap < least) { least = gap; best = index; }
      }
    });
    return best;
  }
  function compare(values) { return COMPARED ? `${values[0]} (${CASES[1].toLowerCase()} ${values[1]})` : String(values[0]); }
  function describe(junction, link) {
    if (junction >= 0) {
      const { n, cases } = DATA.junctions[junction], all = cases.map((c) => c.all);
      return [el("b", {}, n), `LOS ${compare(all.map((a) => a[3] || "–"))}`, el("br"), `delay ${compare(all.map((a) => a[2].toFixed(0)))} s/veh`, el("br"), `highest X ${compare(all.map((a) => xText(a[1])))}`, el("br"), `flow ${thousands(all[0][0])} veh/h`];
    }
    const [name, lanes, length, speed] = DATA.map.full[link], rows = DATA.map.cases.map((c) => c[link]);
    return [el("b", {}, street(name)), `flow ${compare(rows.map((r) => thousands(r[0])))} veh/h`, el("br"), `X ${compare(rows.map((r) => xText(r[1])))}`, el("br"), `delay ${compare(rows.map((r) => r[2]))} s/veh`, el("br"), `${lanes} ${lanes === 1 ? "lane" : "lanes"}, ${length} m, ${speed} km/h`];
  }
  function hover(event) {
    const area = canvas.getBoundingClientRect(), px = event.clientX - area.left, py = event.clientY - area.top;
    const junction = junctionNear(px, py, 12), link = junction < 0 ? linkNear(px, py, 7) : -1;
    canvas.style.cursor = junction >= 0 ? "pointer" : "";
    tip.classList.toggle("hidden", junction < 0 && link < 0);
    if (junction < 0 && link < 0) return;
    tip.replaceChildren(...describe(junction, link));
    tip.style.left = Math.min(px + 14, size.w - tip.offsetWidth - 6) + "px";
    tip.style.top = Math.max(6, Math.min(py + 14, size.h - tip.offsetHeight - 6)) + "px";
  }

  let grip = null;
  const held = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.setPointerCapture(event.pointerId);
    grip = { x: event.clientX, y: event.clientY, moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held.has(event.pointerId)) { hover(event); return; }
    const last = held.get(event.pointerId), others = [...held].filter(([id]) => id !== event.pointerId);
    if (others.length) {
      const [, [ox, oy]] = others[0], area = canvas.getBoundingClientRect();
      const apart = (p) => Math.hypot(p[0] - ox, p[1] - oy) || 1;
      zoom(apart([event.clientX, event.clientY]) / apart(last), ox - area.left, oy - area.top);
    } else {
      view.x -= (event.clientX - last[0]) / view.scale; view.y -= (event.clientY - last[1]) / view.scale;
    }
    if (grip && Math.hypot(event.clientX - grip.x, event.clientY - grip.y) > 4) { grip.moved = true; canvas.classList.add("dragging"); tip.classList.add("hidden"); }
    held.set(event.pointerId, [event.clientX, event.clientY]);
    request();
  });
  const release = (event) => {
    held.delete(event.pointerId); canvas.classList.remove("dragging");
    if (event.type !== "pointerup" || !grip || grip.moved) return;
    const area = canvas.getBoundingClientRect(), found = junctionNear(event.clientX - area.left, event.clientY - area.top, 14);
    if (found >= 0) location.hash = "junction/" + encodeURIComponent(DATA.junctions[found].k);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => tip.classList.add("hidden"));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const area = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), event.clientX - area.left, event.clientY - area.top);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = 80 / view.scale;
    const acts = {
      ArrowLeft: () => { view.x -= step; }, ArrowRight: () => { view.x += step; }, ArrowUp: () => { view.y -= step; }, ArrowDown: () => { view.y += step; },
      "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: home,
    };
    if (!acts[event.key]) return;
    event.preventDefault(); acts[event.key](); request();
  });
  for (const button of box.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => ({ in: () => zoom(1.5), out: () => zoom(1 / 1.5), all: home })[button.dataset.zoom]());
  const choose = (id, field) => document.getElementById(id).addEventListener("change", (event) => { view[field] = event.target.value; legend(); request(); });
  choose("map-width", "width"); choose("map-dots", "dots");
  if (COMPARED) document.getElementById("map-case").append(segmented("Plans shown on the map", [...CASES, "Change"], 0, (index) => { view.mode = index; legend(); request(); }));

  panel.classList.remove("hidden");
  readColours(); legend();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); request(); });
  new ResizeObserver(resize).observe(box);
  return {
    show(index) {
      const junction = DATA.junctions[index];
      view.mark = index; view.goal = [junction.x, HEIGHT - junction.y, 0.3];
      if (box.clientWidth) resize();
    },
    begin() { if (box.clientWidth) { resize(); draw(); } },
  };
})();
