// The page of one junction.
const DIRECTION_NOTE = "A movement's figures are those of its lanes. Dashed arrows give way. Times count from the start of green of stage 1; the offset says when that is after the cycle zero.";

function fact(label, values, unit) {
  return el("div", {}, el("dt", {}, label), el("dd", {}, values[state.shown], unit ? el("span", { class: "small muted" }, " " + unit) : null,
    COMPARED ? el("small", {}, `${CASES[1 - state.shown].toLowerCase()} `, values[1 - state.shown]) : null));
}
function facts(junction) {
  const all = junction.cases.map((c) => c.all), plain = (k, digits) => all.map((row) => row[k].toFixed(digits));
  return el("dl", { class: "facts-grid" },
    fact("Delay", plain(2, 1), "s/veh"), fact("Level of service", all.map((row) => losChip(row[3]))), fact("Highest X", all.map((row) => xText(row[1]))),
    fact("Flow", all.map((row) => thousands(row[0])), "veh/h"), fact("Stops", plain(4, 2), "per veh"), fact("Longest queue", all.map((row) => row[5]), "veh"),
    fact("Cycle", junction.cases.map((c) => c.c), "s"), fact("Least cycle", junction.cases.map((c) => c.lc), "s"), fact("Offset", junction.cases.map((c) => c.o), "s"), fact("Stages", junction.cases.map((c) => c.st.length)));
}
function movementTable(junction, shown) {
  const body = el("tbody", {}), legs = junction.legs;
  legs.forEach((leg, k) => {
    const row = shown.legs[k];
    if (!row) return;
    const [flow, x, delay, los, stops, queue] = row;
    body.append(el("tr", { class: "leg" }, el("th", { scope: "rowgroup", colspan: 3 }, `From ${leg.c} · ${street(leg.n)}`), el("td", {}, thousands(flow)), el("td"), el("td"), el("td", {}, xText(x)), el("td"), el("td"), el("td", {}, delay.toFixed(1)), el("td", {}, losChip(los)), el("td", {}, stops.toFixed(2)), el("td", {}, queue)));
    junction.mv.forEach(([from, to, turn, group, saturation], m) => {
      if (from !== k) return;
      const [veh, mx, green, wait, service] = shown.mv[m];
      body.append(el("tr", {}, el("th", { scope: "row" }, `${ARROWS[turn]} ${TURNS[turn]}`), el("td", { class: "left" }, `to ${legs[to].c} · ${street(legs[to].n)}`), el("td", { class: "left" }, group >= 0 ? junction.gr[group][0] : "no signal"), el("td", {}, thousands(veh)), el("td", {}, thousands(saturation)), el("td", {}, green + " %"), el("td", {}, xText(mx)), el("td", {}, wait === null ? "–" : wait.toFixed(1)), el("td", {}, losChip(service)), [1, 2, 3, 4].map(() => el("td"))));
    });
  });
  const heads = [["Movement", "", 1], ["To", "", 1], ["Group", "", 1], ["Flow", "veh/h"], ["Saturation flow", "veh/h"], ["Green", "of cycle"], ["X", ""], ["Control delay", "HCM, s/veh"], ["LOS", "HCM"], ["Delay", "flow model, s/veh"], ["LOS", "flow model"], ["Stops", "per veh"], ["Longest queue", "veh"]];
  return el("div", { class: "scroll" }, el("table", { class: "plain" }, el("thead", {}, el("tr", {}, heads.map(([name, unit, words]) => el("th", { class: words ? "left" : null }, name, unit ? el("small", {}, unit) : null)))), body));
}
function intergreens(junction) {
  const names = junction.gr.map((group) => group[0]);
  const cell = (i, j) => {
    if (i === j || (!junction.cf[i][j] && !junction.ig[i][j])) return el("td", { class: "none" }, "·");
    if (junction.cf[i][j] === 1) return el("td", { class: "yield", title: `${names[i]} gives way to ${names[j]}` }, "gives way");
    return el("td", { title: `end of ${names[i]} to start of ${names[j]}` }, junction.ig[i][j] || (junction.cf[j][i] === 1 ? "·" : 0));
  };
  return el("div", { class: "scroll" }, el("table", { class: "plain matrix" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "ends \\ starts"), names.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, names.map((name, i) => el("tr", {}, el("th", { scope: "row" }, name), names.map((_, j) => cell(i, j)))))));
}
function corridorsOf(index) {
  const list = DATA.corridors.map((corridor, k) => [corridor, k]).filter(([corridor]) => corridor.j.includes(index));
  return list.length ? el("span", { class: "small muted" }, "On corridor ", list.map(([corridor, k], n) => [n ? ", " : "", el("a", { href: `#corridor/${k}` }, corridor.n || "unnamed road")])) : null;
}
function panel(heading, end, ...content) {
  return el("section", { class: "panel" }, el("header", {}, el("h2", {}, heading), end ? el("span", { class: "end" }, end) : null), content);
}
function showJunction(index) {
  const view = document.getElementById("junction-view"), junction = DATA.junctions[index];
  const redraw = () => showJunction(index), shown = junction.cases[state.shown], count = DATA.junctions.length;
  const step = (delta, text, name) => el("a", { class: "button", href: "#junction/" + encodeURIComponent(DATA.junctions[(index + delta + count) % count].k), "aria-label": name, title: name }, text);
  const other = COMPARED ? panel("Stages of both plans", null, stageBars(junction)) : null;
  view.replaceChildren(
    el("div", { class: "top" }, el("h1", {}, junction.n), el("span", { class: "badge plain" }, junction.t === 1 ? "pedestrian crossing" : "intersection"), junction.locked ? el("span", { class: "badge" }, "locked by the engineer") : null,
      el("span", { class: "muted small" }, junction.k), corridorsOf(index),
      el("span", { class: "facts noprint" }, caseSwitch(redraw), " ", el("a", { class: "button", href: "#map/" + encodeURIComponent(junction.k) }, "Show on map"), " ", printButton(), " ", step(-1, "‹", "Previous junction"), " ", step(1, "›", "Next junction"))),
    el("div", { class: "stack" },
      el("div", { class: "site" },
        panel(`Flows${ofCase()} (veh/h)`, null, sketch(junction, shown), el("p", { class: "note" }, "Line width: flow. Colour: degree of saturation X. ", el("span", { class: "keys" }, X_NAMES.map((name, bin) => el("span", { class: "key" }, (() => { const i = el("i", {}); i.style.background = `var(--x${bin})`; return i; })(), name))))),
        el("div", { class: "stack" }, panel("The junction as a whole", null, facts(junction)), panel(`Stages${ofCase()}`, null, stages(junction, shown)), other)),
      panel(`Signal timing${ofCase()}: cycle ${shown.c} s, offset ${shown.o} s`, timingKeys(), timing(junction, shown)),
      panel(`Movements${ofCase()}`, null, movementTable(junction, shown), el("p", { class: "note" }, DIRECTION_NOTE)),
      panel("Intergreen times (s)", null, intergreens(junction), el("p", { class: "note" }, "From the end of green of the row's group to the start of green of the column's. A dot: they do not conflict."))));
}
