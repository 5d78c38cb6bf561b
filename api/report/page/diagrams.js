// Drawings of one junction: where its lanes lie, its movements, its stages and its signal timing.
const GAP = 13;

function layout(junction, widest, far) {
  // Narrower lanes where many legs need a large junction to keep apart.
  const plan = place(junction, widest), reach = Math.max(...plan.legs.map((leg) => leg.reach));
  return reach > 0.6 * far ? place(junction, Math.max(widest / 3, widest * 0.6 * far / reach)) : plan;
}
function place(junction, lane) {
  // Traffic keeps to the right: seen outwards along a leg, lanes out lie on the right of its axis, lanes in on the left.
  const legs = junction.legs.map((leg) => ({ ...leg, wide_in: (leg.in ? leg.in.length : 0) * lane, wide_out: (leg.out || 0) * lane, reach: lane * 2 }));
  legs.forEach((leg, k) => {
    const next = legs[(k + 1) % legs.length], gap = ((next.a - leg.a + 360) % 360 || 360) * Math.PI / 180;
    if (gap > 2.9) { leg.reach = Math.max(leg.reach, next.wide_in, leg.wide_out); next.reach = Math.max(next.reach, leg.wide_out, next.wide_in); return; }
    const sine = Math.max(Math.sin(gap), 0.3);
    leg.reach = Math.max(leg.reach, (next.wide_in + leg.wide_out * Math.cos(gap)) / sine);
    next.reach = Math.max(next.reach, (leg.wide_out + next.wide_in * Math.cos(gap)) / sine);
  });
  for (const leg of legs) leg.reach += lane * 0.6;
  const at = (leg, along, aside) => { const [x, y] = polar(leg.a, along), [u, v] = polar(leg.a + 90, aside); return [x + u, y + v]; };
  const lanesWith = (leg, turn) => (leg.in || []).map((bits, index) => [bits >> turn & 1, index]).filter(([has]) => has).map(([, index]) => index);
  const laneAside = (leg, index) => -(leg.in.length - index - 0.5) * lane;
  const outAside = (leg, turn) => (turn === 0 ? leg.wide_out - lane / 2 : turn >= 2 ? lane / 2 : leg.wide_out / 2) || lane / 2;
  const curve = (movement, stop) => {
    const [from, to, turn] = movement, a = legs[from], b = legs[to], lanes = lanesWith(a, turn);
    const aside = lanes.length ? lanes.reduce((sum, index) => sum + laneAside(a, index), 0) / lanes.length : -lane / 2;
    const start = at(a, a.reach + stop, aside), end = at(b, b.reach + stop, outAside(b, turn));
    const bend = Math.hypot(end[0] - start[0], end[1] - start[1]) * 0.45;
    const [p, q] = polar(a.a + 180, bend), [r, s] = polar(b.a + 180, bend);
    return { d: `M${points([start])} C${points([[start[0] + p, start[1] + q], [end[0] + r, end[1] + s], end])}`, end, heading: b.a };
  };
  return { legs, at, curve, lanesWith, laneAside, lane };
}
function arrowHead(curve, size, attributes) {
  const [x, y] = curve.end, [fx, fy] = polar(curve.heading, size * 1.25), [sx, sy] = polar(curve.heading + 90, size * 0.75);
  return svg("polygon", { points: points([[x + fx, y + fy], [x + sx, y + sy], [x - sx, y - sy]]), ...attributes });
}
function roads(plan, far) {
  const body = plan.legs.map((leg) => svg("polygon", { points: points([plan.at(leg, 0, -leg.wide_in), plan.at(leg, far, -leg.wide_in), plan.at(leg, far, leg.wide_out), plan.at(leg, 0, leg.wide_out)]), fill: "var(--road)" }));
  const corners = plan.legs.flatMap((leg) => [plan.at(leg, leg.reach, -leg.wide_in), plan.at(leg, leg.reach, leg.wide_out)]);
  return [...body, svg("polygon", { points: points(corners), fill: "var(--road)" })];
}
function zebra(plan, leg, attributes) {
  const middle = leg.reach + GAP * plan.lane / 22;
  const [a, b] = [plan.at(leg, middle, -leg.wide_in), plan.at(leg, middle, leg.wide_out)];
  return svg("line", { x1: a[0].toFixed(1), y1: a[1].toFixed(1), x2: b[0].toFixed(1), y2: b[1].toFixed(1), ...attributes });
}
function laneMarks(plan, far) {
  const marks = [];
  for (const leg of plan.legs) {
    const stop = leg.reach + GAP, line = (aside, dash) => { const [p, q] = [plan.at(leg, stop, aside), plan.at(leg, far, aside)]; marks.push(svg("line", { x1: p[0], y1: p[1], x2: q[0], y2: q[1], stroke: "var(--mark)", "stroke-width": dash ? 1 : 1.6, "stroke-dasharray": dash })); };
    if (leg.wide_in && leg.wide_out) line(0, null);
    for (let aside = plan.lane; aside < leg.wide_in - 1; aside += plan.lane) line(-aside, "7 6");
    for (let aside = plan.lane; aside < leg.wide_out - 1; aside += plan.lane) line(aside, "7 6");
    if (leg.wide_in) { const [p, q] = [plan.at(leg, stop + 4, -leg.wide_in), plan.at(leg, stop + 4, 0)]; marks.push(svg("line", { x1: p[0], y1: p[1], x2: q[0], y2: q[1], stroke: "var(--mark)", "stroke-width": 3 })); }
    (leg.in || []).forEach((bits, index) => {
      const [x, y] = plan.at(leg, far - 26, plan.laneAside(leg, index));
      const glyph = TURNS.map((_, turn) => (bits >> turn & 1 ? turn : -1)).filter((turn) => turn >= 0);
      marks.push(svg("g", { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${leg.a + 180})`, fill: "none", stroke: "var(--mark)", "stroke-width": 1.6 }, glyph.map(laneArrow)));
    });
  }
  return marks;
}
const laneArrow = (turn) => svg("path", { d: ["M0 9 V2 Q0 -3 5 -3 M2.5 -6 L6 -3 L2.5 0", "M0 9 V-8 M-3 -4.5 L0 -8.5 L3 -4.5", "M0 9 V2 Q0 -3 -5 -3 M-2.5 -6 L-6 -3 L-2.5 0", "M0 9 V0 Q0 -6 -4 -6 Q-7 -6 -7 0 M-9 -2 L-7 1.5 L-5 -2"][turn] });

function sketch(junction, shown) {
  const far = 212, plan = layout(junction, 16, far), rows = shown.mv;
  const most = Math.max(1, ...junction.cases.flatMap((c) => c.mv.map((row) => row[0])));
  const crossed = new Set(junction.gr.filter((group) => group[1] === 1).flatMap((group) => group[7]));
  const order = junction.mv.map((_, k) => k).sort((a, b) => rows[b][0] - rows[a][0]);
  const flows = order.map((k) => {
    const curve = plan.curve(junction.mv[k], GAP + 8), width = 1.4 + 8 * rows[k][0] / most, colour = xColour(rows[k][1]);
    const [from, to, turn] = junction.mv[k], legs = junction.legs;
    return svg("g", {}, title(`${legs[from].c} to ${legs[to].c} (${TURNS[turn]}): ${thousands(rows[k][0])} veh/h, X ${xText(rows[k][1])}, green ${rows[k][2]} % of the cycle`),
      svg("path", { d: curve.d, fill: "none", stroke: colour, "stroke-width": width.toFixed(1), "stroke-opacity": 0.92 }),
      arrowHead(curve, Math.max(5, width * 0.95), { fill: colour }));
  });
  const names = apart(plan.legs.map((leg, k) => {
    const [x, y] = polar(leg.a, far + 14), side = Math.sin(leg.a * Math.PI / 180), anchor = Math.abs(side) < 0.5 ? "middle" : side > 0 ? "start" : "end";
    const up = Math.cos(leg.a * Math.PI / 180), lift = Math.abs(side) < 0.5 ? (up > 0 ? -20 : 12) : -4;
    const sums = [0, 0, 0, 0], made = new Set();
    junction.mv.forEach(([from, , turn], index) => { if (from === k) { sums[turn] += rows[index][0]; made.add(turn); } });
    const flowsText = [2, 1, 0, 3].filter((turn) => made.has(turn)).map((turn) => `${ARROWS[turn]} ${thousands(sums[turn])}`).join("   ");
    const lines = broken(`${leg.c} · ${street(leg.n)}`, Math.abs(side) < 0.5 ? 40 : 17), raised = lift - (up > 0.85 || Math.abs(side) >= 0.5 ? 17 * (lines.length - 1) : 0);
    return { x, y: y + raised, anchor, lines, flowsText };
  }));
  const texts = names.map(({ x, y, anchor, lines, flowsText }) => svg("text", { x: x.toFixed(0), y: y.toFixed(0), "text-anchor": anchor, "font-size": 15 },
    lines.map((line, n) => svg("tspan", { x: x.toFixed(0), dy: n ? 17 : 0, "font-weight": 650 }, line)),
    flowsText ? svg("tspan", { x: x.toFixed(0), dy: 18 }, flowsText) : null));
  const top = Math.min(-268, ...names.map((name) => name.box[2] - 6)), bottom = Math.max(268, ...names.map((name) => name.box[3] + 6));
  return svg("svg", { class: "full", viewBox: `-396 ${top.toFixed(0)} 792 ${(bottom - top).toFixed(0)}`, role: "img", "aria-label": `Sketch of ${junction.n}: legs, lanes and flows of all movements` },
    roads(plan, far), plan.legs.map((leg, k) => crossed.has(k) ? zebra(plan, leg, { stroke: "var(--mark)", "stroke-width": 9, "stroke-dasharray": "4 4" }) : null),
    laneMarks(plan, far), flows, texts);
}
function apart(names) {
  // Legs that lie close together have names that would cover each other: the later one moves outwards.
  const placed = [];
  for (const name of names) {
    const wide = fitted.width([...name.lines, name.flowsText].reduce((a, b) => (fitted.width(b, "650 15") > fitted.width(a, "650 15") ? b : a)), "650 15");
    const left = name.anchor === "middle" ? name.x - wide / 2 : name.anchor === "end" ? name.x - wide : name.x;
    const tall = 17 * (name.lines.length - 1) + (name.flowsText ? 18 : 0) + 5, out = name.y < 0 ? -1 : 1;
    const hit = () => placed.find(({ box: [a, b, c, d] }) => left < b + 8 && a < left + wide + 8 && name.y - 14 < d && c < name.y + tall);
    for (let other = hit(); other; other = hit()) name.y = out > 0 ? other.box[3] + 15 : other.box[2] - tall - 1;
    name.box = [left, left + wide, name.y - 14, name.y + tall];
    placed.push(name);
  }
  return names;
}

function broken(text, most) {
  // In two lines at most, broken between words.
  if (text.length <= most) return [text];
  const cut = text.lastIndexOf(" ", most) > 4 ? text.lastIndexOf(" ", most) : text.indexOf(" ", most);
  const rest = cut < 0 ? "" : text.slice(cut + 1);
  return cut < 0 ? [text] : [text.slice(0, cut), rest.length > most + 3 ? rest.slice(0, most + 2) + "…" : rest];
}

function stageDiagram(junction, stage) {
  const [, groups, giving] = stage, far = 100, plan = layout(junction, 9, far);
  const arrows = junction.mv.map((movement, k) => {
    if (!groups.includes(movement[3])) return null;
    const curve = plan.curve(movement, 14), gives = giving.includes(k), colour = "var(--green)";
    return svg("g", {}, title(`${junction.gr[movement[3]][0]}: ${TURNS[movement[2]]}${gives ? ", gives way" : ""}`),
      svg("path", { d: curve.d, fill: "none", stroke: colour, "stroke-width": gives ? 2 : 3, "stroke-dasharray": gives ? "5 3.5" : null }), arrowHead(curve, gives ? 5 : 6, { fill: colour }));
  });
  const walks = junction.gr.filter((group, g) => group[1] === 1 && groups.includes(g)).flatMap((group) => group[7]).map((k) => [
    zebra(plan, plan.legs[k], { stroke: "var(--panel)", "stroke-width": 7 }), zebra(plan, plan.legs[k], { stroke: "var(--green)", "stroke-width": 6, "stroke-dasharray": "3.2 2.2" })]);
  return svg("svg", { viewBox: "-104 -104 208 208", role: "img", "aria-label": "Green: " + groups.map((g) => junction.gr[g][0]).join(", ") }, roads(plan, far), walks, arrows);
}
function stages(junction, shown) {
  return el("div", { class: "stages" }, shown.st.map((stage, k) => {
    const [duration, groups] = stage;
    return el("figure", { class: "stage" }, el("figcaption", {}, el("b", {}, `Stage ${k + 1}`), el("b", {}, `${duration} s`)), stageDiagram(junction, stage),
      el("div", { class: "muted small" }, groups.map((g) => junction.gr[g][0]).join("  ")));
  }));
}

function pieces(start, end, cycle) {
  const low = ((start % cycle) + cycle) % cycle, high = low + Math.min(end - start, cycle);
  return high <= cycle ? [[low, high]] : [[low, cycle], [0, high - cycle]];
}
function timing(junction, shown) {
  const cycle = shown.c, left = 104, right = 84, width = 1500, row = 22, top = 34, unit = (width - left - right) / cycle;
  const height = top + junction.gr.length * row + 8, x = (t) => (left + t * unit).toFixed(1);
  const bar = (y, from, to, paint, name) => pieces(from, to, cycle).filter(([a, b]) => b > a).map(([a, b]) => svg("rect", { x: x(a), y, width: ((b - a) * unit).toFixed(1), height: 13, fill: paint }, title(`${name}: ${a}–${b} s`)));
  const marks = [];
  for (let t = 0; t <= cycle; t += cycle > 150 ? 20 : 10) marks.push(svg("line", { x1: x(t), y1: top - 4, x2: x(t), y2: height - 6, stroke: "var(--line)" }), svg("text", { x: x(t), y: 12, "text-anchor": "middle", "font-size": 11, class: "muted" }, t));
  let start = 0;
  shown.st.forEach((stage, k) => {
    marks.push(svg("line", { x1: x(start), y1: 18, x2: x(start), y2: height - 6, stroke: "var(--muted)", "stroke-dasharray": "2 3" }), svg("text", { x: (left + start * unit + 4).toFixed(1), y: 26, "font-size": 11, "font-weight": 650 }, `stage ${k + 1}`));
    start += stage[0];
  });
  const rows = junction.gr.map((group, g) => {
    const y = top + g * row, [name, kind, , , flash, yellow, redAmber] = group, windows = shown.w[g];
    const bars = [svg("rect", { x: x(0), y: y + 4.5, width: (cycle * unit).toFixed(1), height: 4, fill: "var(--red)" }, title(`${name}: red`))];
    for (const [a, b] of windows) {
      if (b - a >= cycle) { bars.push(bar(y, 0, cycle, "var(--green)", `${name} green`)); continue; }
      bars.push(bar(y, a - redAmber, a, "url(#red-amber)", `${name} red and amber`), bar(y, a, b - flash, "var(--green)", `${name} green`), bar(y, b - flash, b, "url(#flashing)", `${name} flashing green`), bar(y, b, b + yellow, "var(--yellow)", `${name} yellow`));
    }
    const total = windows.reduce((sum, [a, b]) => sum + Math.min(b - a, cycle), 0);
    return [svg("text", { x: left - 8, y: y + 11, "text-anchor": "end", "font-size": 12, "font-weight": kind ? 450 : 600 }, name), bars, svg("text", { x: width, y: y + 11, "text-anchor": "end", "font-size": 12 }, `${total} s`)];
  });
  return svg("svg", { class: "full", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Signal timing of ${junction.n} over a cycle of ${cycle} s` },
    marks, rows, svg("text", { x: left - 8, y: 12, "text-anchor": "end", "font-size": 11, class: "muted" }, "seconds"), svg("text", { x: width, y: 12, "text-anchor": "end", "font-size": 11, class: "muted" }, "green"));
}
const KEYS = [["var(--green)", "green"], ["url(#flashing)", "flashing green"], ["var(--yellow)", "yellow"], ["url(#red-amber)", "red and amber"], ["var(--red)", "red"]];
const timingKeys = () => el("span", { class: "keys" }, KEYS.map(([paint, name]) => el("span", {}, svg("svg", { width: 22, height: 12, "aria-hidden": "true" }, svg("rect", { y: name === "red" ? 4 : 0, width: 22, height: name === "red" ? 4 : 12, fill: paint })), name)));

function stageBars(junction) {
  const longest = Math.max(...junction.cases.map((c) => c.c)), width = 720, left = 56, unit = (width - left - 76) / longest;
  return svg("svg", { class: "full", viewBox: `0 0 ${width} ${junction.cases.length * 34}`, role: "img", "aria-label": "Stages of all plans" }, junction.cases.map((shown, row) => {
    let start = 0;
    return [svg("text", { x: left - 8, y: row * 34 + 19, "text-anchor": "end", "font-size": 12, "font-weight": 600 }, CASES[row]),
      shown.st.map(([duration, groups], k) => {
        const from = start, x = left + from * unit, wide = duration * unit - 2;
        start += duration;
        return [svg("rect", { x: x.toFixed(1), y: row * 34 + 2, width: wide.toFixed(1), height: 26, rx: 3, fill: "var(--soft)", stroke: "var(--kerb)" }, title(groups.map((g) => junction.gr[g][0]).join(", "))),
          svg("text", { x: (x + wide / 2).toFixed(1), y: row * 34 + 19, "text-anchor": "middle", "font-size": 12 }, wide > 86 ? `stage ${k + 1}: ${duration} s` : `${duration}`)];
      }),
      svg("text", { x: (left + shown.c * unit + 6).toFixed(1), y: row * 34 + 19, "font-size": 12 }, `cycle ${shown.c} s`)];
  }));
}
