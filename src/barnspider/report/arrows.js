// Arrows of one class: to the left what it lost to others, to the right what it received from them. Width is points.
const ROW_HEIGHT = 38, WIDEST_ARROW = 22, LETTER_WIDTH = 7.6, HEAD = 24;
const WHOLE_ARROW = 0.05; // the least change that is drawn with the widest arrow: chance alone shall not look large
const SVG = "http://www.w3.org/2000/svg";

function drawing(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// The same numbers, with intervals, stand in the lists below; so the drawing is one picture with one name.
function arrows(study, cls, lost, received, width) {
  const { flows } = study, sides = [lost.slice(0, NAMED_PAIRS), received.slice(0, NAMED_PAIRS)];
  const most = Math.max(WHOLE_ARROW, ...sides.flat().map((pair) => Math.abs(flows.change[pair])));
  const others = sides.flatMap((pairs, side) => pairs.map((pair) => (side === 0 ? flows.target : flows.source)[pair]));
  const longest = Math.max(8, ...others.map((other) => [...study.label(other)].length));
  const column = Math.min(width * 0.34, longest * LETTER_WIDTH), middle = width / 2;
  const height = HEAD + ROW_HEIGHT * Math.max(...sides.map((pairs) => pairs.length)) + 6;
  const node = drawing("svg", {
    viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `What ${study.label(cls)} lost to others and received from them; the same numbers are in the lists below`,
  });
  node.append(
    drawing("text", { x: 0, y: 13, class: "soft" }, "its answers went to"),
    drawing("text", { x: width, y: 13, class: "soft", "text-anchor": "end" }, "it received those of"),
    drawing("rect", { x: middle - 5, y: HEAD, width: 10, height: height - HEAD - 6, rx: 3, class: "middle" }),
  );
  sides.forEach((pairs, side) => {
    const other = side === 0 ? flows.target : flows.source;
    const step = (height - HEAD - 6) / Math.max(pairs.length, 1);
    pairs.forEach((pair, i) => {
      const y = HEAD + step * (i + 0.5), change = flows.change[pair];
      const ends = [side === 0 ? column + 8 : width - column - 8, middle + (side === 0 ? -6 : 6)];
      const share = Math.abs(change) / most;
      // On the left a growing confusion leaves the class, on the right it arrives; a shrinking one comes back.
      const inward = (side === 1) === (change > 0);
      node.append(arrow(ends, y, Math.max(1.5, WIDEST_ARROW * share), inward, change > 0, flows.certain(pair)));
      node.append(...named_end(study.label(other[pair]), points(change), side === 0 ? 0 : width, y, column));
    });
  });
  return node;
}

function arrow([outer, inner], y, thick, inward, grows, sure) {
  const [from, to] = inward ? [outer, inner] : [inner, outer], ahead = Math.sign(to - from);
  const half = Math.max(4, thick / 2 + 3), tip = Math.min(10, half + 2), neck = to - ahead * tip;
  const edge = thick / 2;
  const shape = [[from, y - edge], [neck, y - edge], [neck, y - half], [to, y], [neck, y + half], [neck, y + edge], [from, y + edge]];
  return drawing("polygon", { points: shape.map((place) => place.join(",")).join(" "), class: `${grows ? "grows" : "shrinks"}${sure ? " sure" : ""}` });
}

function named_end(name, change, x, y, column) {
  const most = Math.floor(column / LETTER_WIDTH), anchor = x === 0 ? "start" : "end";
  const letters = [...name], text = letters.length > most ? letters.slice(0, most - 1).join("") + "…" : name;
  return [
    drawing("text", { x, y: y - 2, "text-anchor": anchor, class: "name" }, text),
    drawing("text", { x, y: y + 13, "text-anchor": anchor, class: "soft" }, change),
  ];
}
