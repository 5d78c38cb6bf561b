// One view at a time, chosen by the part of the address after "#".
function route() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  let key = rest.join("/");
  try { key = decodeURIComponent(key); } catch { /* an address typed by hand */ }
  let view = name || "overview", missing = false;
  if (view === "junction" && junctionAt.has(key)) showJunction(junctionAt.get(key));
  else if (view === "corridor" && DATA.corridors[key]) showCorridor(Number(key));
  else if (view === "map" && junctionAt.has(key)) { view = "overview"; roadMap.show(junctionAt.get(key)); }
  else if (!["overview", "junctions", "corridors", "definitions"].includes(view)) { missing = view !== "main"; view = "overview"; }
  const notice = document.getElementById("notice");
  notice.textContent = missing ? `This report has nothing at “#${[name, key].filter(Boolean).join("/")}”: here is the overview. A junction is found by its name, above, or in the table of junctions.` : "";
  notice.classList.toggle("hidden", !missing);
  const parent = { junction: "junctions", corridor: "corridors" }[view] || view;
  for (const section of document.querySelectorAll("[data-view]")) section.classList.toggle("hidden", section.dataset.view !== view);
  for (const link of document.querySelectorAll(".bar nav a")) {
    if (link.hash === "#" + parent) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  const heading = document.querySelector(`[data-view="${view}"] h1`);
  document.title = `${heading ? heading.textContent : ""} – ${DATA.title}`;
  window.scrollTo(0, 0);
}
(() => {
  const seen = new Map(), find = document.getElementById("find"), input = find.querySelector("input");
  DATA.junctions.forEach((junction, index) => seen.set(seen.has(junction.n) ? `${junction.n} (${junction.k})` : junction.n, index));
  document.getElementById("junction-names").append(...[...seen.keys()].sort().map((name) => el("option", { value: name })));
  const go = (exact) => {
    const text = input.value.trim().toLowerCase();
    const name = [...seen.keys()].find((n) => n.toLowerCase() === text) || (exact ? null : [...seen.keys()].find((n) => text && n.toLowerCase().includes(text)));
    if (name) { location.hash = "junction/" + encodeURIComponent(DATA.junctions[seen.get(name)].k); input.value = ""; }
  };
  input.addEventListener("input", () => go(true));
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") go(false); });
  find.classList.remove("hidden");
})();
window.addEventListener("hashchange", route);
window.addEventListener("load", () => requestAnimationFrame(() => window.scrollTo(0, 0)));
route();
roadMap.begin();
