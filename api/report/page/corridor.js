// The time-space diagram of one corridor.
const PATH_COLOURS = ["var(--forward)", "var(--backward)"];

function showCorridor(index) {
  const view = document.getElementById("corridor-view"), corridor = DATA.corridors[index], count = DATA.corridors.length;
  const redraw = () => showCorridor(index), shown = corridor.cases[state.shown];
  const least = (j) => DATA.junctions[j].cases[state.shown].lc, limit = corridor.j.reduce((a, b) => (least(b) > least(a) ? b : a));
  const first = DATA.junctions[corridor.j[0]].n, last = DATA.junctions[corridor.j.at(-1)].n;
  const step = (delta, text, name) => el("a", { class: "button", href: `#corridor/${(index + delta + count) % count}`, "aria-label": name, title: name }, text);
  view.replaceChildren(
    el("div", { class: "top" }, el("h1", {}, corridor.n || "Unnamed road"), el("span", { class: "muted" }, `${first} – ${last} · ${corridor.j.length} junctions · ${(corridor.pos.at(-1) / 1000).toFixed(1)} km`),
      el("span", { class: "muted" }, `least common cycle ${least(limit)} s, that of `, junctionLink(limit)),
      el("span", { class: "facts noprint" }, caseSwitch(redraw), " ", printButton(), " ", step(-1, "‹", "Previous corridor"), " ", step(1, "›", "Next corridor"))),
    el("div", { class: "stack" },
      panel(`Time-space diagram${ofCase()}`, corridorKeys(corridor), timeSpace(corridor, shown),
        el("p", { class: "note" }, "Across: seconds after the cycle zero. Down: distance along the street. A band is a set of vehicles that, driving at the speed limit, meet green at every junction that it passes; it is drawn as far as it stays 4 s wide.")),
      panel("Green bands", null, bandTable(corridor))));
}
function corridorKeys(corridor) {
  return el("span", { class: "keys" }, corridor.paths.filter((path, k) => k < 2).map((path) => el("span", {}, svg("svg", { width: 26, height: 12, "aria-hidden": "true" }, svg("rect", { width: 26, height: 12, fill: PATH_COLOURS[path.back], opacity: 0.3 }), svg("rect", { y: 4, width: 26, height: 4, fill: PATH_COLOURS[path.back] })), `${path.dir}, ${path.v.toFixed(0)} km/h`)));
}
function timeSpace(corridor, shown) {
  const left = 290, right = 74, top = 34, width = 1560, end = corridor.pos.at(-1) || 1, paths = corridor.paths;
  const longest = Math.max(...shown.flatMap((p) => p.c)), travel = Math.max(...paths.map((p) => p.t.at(-1)));
  const span = Math.ceil(Math.min(Math.max(travel + 1.5 * longest, 4 * longest), 1200) / 30) * 30;
  const rows = spread(corridor.pos.map((metres) => metres / end), Math.max(420, Math.min(1500, corridor.pos.length * 34, 260 + end / 6)), 25);
  const height = top + rows.at(-1) + 34, unit = (width - left - right) / span;
  const x = (t) => left + t * unit, y = (stop) => top + rows[stop];
  const clip = `clip-${corridor.j[0]}-${corridor.j.length}`, axis = [], names = [], bars = [], bands = [], labels = [], taken = [];
  for (let t = 0; t <= span; t += 30) axis.push(svg("line", { x1: x(t).toFixed(1), x2: x(t).toFixed(1), y1: top - 8, y2: height - 26, stroke: "var(--line)" }), t % 60 || t > span - 30 ? null : svg("text", { x: x(t).toFixed(1), y: 16, "text-anchor": "middle", "font-size": 11, class: "muted" }, `${t} s`));
  names.push(svg("text", { x: width - right + 10, y: 16, "font-size": 11, class: "muted" }, "distance"), svg("text", { x: left - 24, y: 16, "text-anchor": "end", "font-size": 11, class: "muted" }, "crossing street"));
  corridor.j.forEach((junction, stop) => {
    const name = DATA.junctions[junction].n, short = DATA.junctions[junction].t === 1 ? "(pedestrian crossing)" : shorten(name, corridor.n);
    names.push(svg("line", { x1: left, x2: width - right, y1: y(stop), y2: y(stop), stroke: "var(--line)" }),
      svg("a", { href: "#junction/" + encodeURIComponent(DATA.junctions[junction].k) }, svg("text", { x: left - 10, y: y(stop) + 4, "text-anchor": "end", "font-size": 12.5 }, title(name), fitted(short, 12.5, left - 14))),
      svg("text", { x: width - right + 10, y: y(stop) + 4, "font-size": 11.5, class: "muted" }, `${thousands(corridor.pos[stop])} m`));
  });
  paths.forEach((path, k) => {
    const colour = PATH_COLOURS[path.back], data = shown[k], aside = paths.length > 1 ? (path.back ? 2.6 : -2.6) : 0;
    path.stops.forEach((stop, n) => {
      const cycle = data.c[n];
      bars.push(svg("rect", { x: left, y: (y(stop) + aside - 0.7).toFixed(1), width: width - left - right, height: 1.4, fill: "var(--red-line)", opacity: 0.75 }));
      for (const [a, b] of data.w[n]) for (let from = a - cycle; from < span; from += cycle) bars.push(svg("rect", { x: x(from).toFixed(1), y: (y(stop) + aside - 2.2).toFixed(1), width: ((b - a) * unit).toFixed(1), height: 4.4, fill: colour }, title(`${path.dir}: green ${a % cycle}–${b % cycle || cycle} s of ${cycle} s`)));
    });
    for (const [from, to, period, windows] of data.b) {
      const through = from === 0 && to === path.stops.length - 1, stops = path.stops.slice(from, to + 1), way = path.t.slice(from, to + 1).map((t) => t - path.t[from]);
      const label = { y: (y(stops[0]) + y(stops[1])) / 2, done: false };
      for (const [a, b] of windows) for (let start = a - period * Math.ceil((way.at(-1) + a) / period); start < span; start += period) {
        const early = stops.map((stop, n) => [x(start + way[n]), y(stop)]), late = stops.map((stop, n) => [x(start + b - a + way[n]), y(stop)]).reverse();
        bands.push(svg("polygon", { points: points([...early, ...late]), fill: colour, opacity: through ? 0.34 : 0.16 }));
        const middle = x(start + (b - a) / 2 + way[1] / 2), clear = taken.every(([u, v]) => Math.abs(u - middle) > 34 || Math.abs(v - label.y) > 12);
        if (label.done || middle < left + 20 || middle > width - right - 20 || !clear) continue;
        label.done = true;
        taken.push([middle, label.y]);
        labels.push(svg("text", { x: middle.toFixed(1), y: (label.y + 4).toFixed(1), "text-anchor": "middle", "font-size": 11.5, "font-weight": 700, class: "halo", fill: colour }, `${(b - a).toFixed(0)} s`));
      }
    }
  });
  return el("div", { class: "scroll" }, svg("svg", { class: "full", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Time-space diagram of ${corridor.n || "the corridor"}; the table below holds the widths of its bands` },
    svg("defs", {}, svg("clipPath", { id: clip }, svg("rect", { x: left, y: 0, width: width - left - right, height }))),
    axis, names, svg("g", { "clip-path": `url(#${clip})` }, bands, bars, labels)));
}
function spread(shares, height, least) {
  // Distances to scale, but no two names closer than `least`.
  const rows = [];
  shares.forEach((share, k) => rows.push(k ? rows[k - 1] + Math.max(least, (share - shares[k - 1]) * height) : 0));
  return rows;
}
function shorten(name, streetName) {
  const parts = name.split(" / ").filter((part) => part !== streetName);
  return parts.length ? parts.join(" / ") : name;
}
const stopName = (corridor, stop) => shorten(DATA.junctions[corridor.j[stop]].n, corridor.n);
function bandTable(corridor) {
  const none = (value, digits, unit) => (value === undefined ? "no common period" : value.toFixed(digits) + unit);
  const rows = corridor.paths.flatMap((path, k) => corridor.cases.map((paths, c) => {
    const data = paths[k], longest = data.b.reduce((best, [a, b]) => Math.max(best, b - a), 0), links = path.stops.length - 1;
    return el("tr", {}, el("th", { scope: "row" }, path.dir), el("td", { class: "left wrap" }, `${stopName(corridor, path.stops[0])} – ${stopName(corridor, path.stops.at(-1))}`), el("td", { class: "left" }, CASES[c]), el("td", { class: "wrap" }, [...new Set(data.c)].sort((a, b) => a - b).join(", ")), el("td", {}, path.v.toFixed(0)), el("td", {}, none(data.width, 1, "")), el("td", {}, none(data.share === undefined ? undefined : 100 * data.share, 0, "")), el("td", {}, `${data.links} of ${links}`), el("td", {}, longest ? `${longest + 1} junctions` : "–"));
  }));
  const heads = [["Direction", "", 1], ["From – to", "", 1], ["Plans", "", 1], ["Cycles", "s"], ["Progression speed", "km/h"], ["End-to-end band", "s"], ["Share of the period", "%"], ["Links in a band", ""], ["Longest band", ""]];
  return el("div", { class: "scroll" }, el("table", { class: "plain" }, el("thead", {}, el("tr", {}, heads.map(([name, unit, words]) => el("th", { class: words ? "left" : null }, name, unit ? el("small", {}, unit) : null)))), el("tbody", {}, rows)));
}
