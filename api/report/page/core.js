// Data, small helpers, colours. All text goes in as text nodes, never as markup.
document.documentElement.classList.add("js");
const DATA = JSON.parse(document.getElementById("data").textContent);
const CASES = DATA.cases;
const COMPARED = CASES.length > 1;
const state = { shown: 0 };

const X_LIMITS = [50, 70, 85, 95, 100];
const X_NAMES = ["under 0.50", "0.50–0.70", "0.70–0.85", "0.85–0.95", "0.95–1.00", "over 1.00"];
const LOS = "ABCDEF";
const TURNS = ["right", "straight on", "left", "U-turn"];
const ARROWS = ["↱", "↑", "↰", "↶"];

const xBin = (percent) => { let bin = 0; while (bin < 5 && percent > X_LIMITS[bin]) bin++; return bin; };
const losBin = (los) => (los ? LOS.indexOf(los) : -1);
const xColour = (percent) => `var(--x${xBin(percent)})`;
const xText = (percent) => (percent / 100).toFixed(2);
const thousands = (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, " ");
const signed = (value, digits) => (value > 0 ? "+" : value < 0 ? "−" : "±") + Math.abs(value).toFixed(digits);
const street = (index) => (index >= 0 ? DATA.names[index] : "unnamed road");
const junctionAt = new Map(DATA.junctions.map((junction, index) => [junction.k, index]));

// Text cut to the room that it has, in pixels.
const fitted = (() => {
  const pen = document.createElement("canvas").getContext("2d"), family = getComputedStyle(document.body).fontFamily;
  const width = (text, font) => { pen.font = `${font}px ${family}`; return pen.measureText(text).width; };
  const cut = (text, font, room) => {
    if (width(text, font) <= room) return text;
    let length = text.length - 1;
    while (length > 1 && width(text.slice(0, length) + "…", font) > room) length--;
    return text.slice(0, length).trimEnd() + "…";
  };
  return Object.assign(cut, { width });
})();

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child.nodeType ? child : document.createTextNode(String(child)));
  }
  return node;
}
const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
const title = (text) => svg("title", {}, text);
const losChip = (los) => el("span", { class: "los " + los }, los || "–");
const junctionLink = (index) => el("a", { href: "#junction/" + encodeURIComponent(DATA.junctions[index].k) }, DATA.junctions[index].n);

function segmented(label, names, current, choose) {
  const group = el("span", { class: "seg", role: "group", "aria-label": label });
  names.forEach((name, index) => group.append(el("button", {
    type: "button", "aria-pressed": String(index === current),
    onclick: () => { for (const [k, b] of [...group.children].entries()) b.setAttribute("aria-pressed", String(k === index)); choose(index); },
  }, name)));
  return group;
}
function caseSwitch(redraw) {
  return COMPARED ? segmented("Plans", CASES, state.shown, (index) => { state.shown = index; redraw(); }) : null;
}
const ofCase = () => (COMPARED ? ", " + CASES[state.shown].toLowerCase() : "");
const printButton = () => el("button", { type: "button", class: "button noprint", onclick: () => window.print() }, "Print");
const polar = (degrees, radius) => [radius * Math.sin(degrees * Math.PI / 180), -radius * Math.cos(degrees * Math.PI / 180)];
const points = (list) => list.map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" ");
