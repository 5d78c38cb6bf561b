// The page is whole without scripts; with them its tables can be sorted.
document.documentElement.classList.add("js");
function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value); else node.setAttribute(key, value);
  }
  for (const child of children.flat(Infinity)) node.append(child);
  return node;
}
