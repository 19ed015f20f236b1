// Where answers went: pairs of classes, and how an arm changes how often one is taken for the other.
const SUREST = 12; // pairs that the table of an arm shows
const NAMED_PAIRS = 5; // pairs of one class that are named in each direction
const MAPPED = 12; // classes of the map of pairs
const NUMBERED = 23; // pixels of a cell that has room for a whole number

class Flows {
  constructor({ arms, source, target, sure, of, from, kind, got, ...columns }) {
    const numbers = (text) => new Uint32Array(bytesOf(text).buffer);
    Object.assign(this, { arms, sure, of, from, kind, source: numbers(source), target: numbers(target) });
    Object.assign(this, unpackAll(columns, (text) => unpack(text, SHARE)));
  }

  // The pairs kept for an arm, surest first.
  at(arm) {
    const first = this.arms[arm];
    return Array.from({ length: this.arms[arm + 1] - first }, (_, i) => first + i);
  }

  certain(pair) {
    return this.sure[pair] === "1";
  }

  interval(pair) {
    return between(this.low[pair], this.high[pair]);
  }

  // What kind of confusion a pair is, where that is told.
  kindOf(pair, kinds) {
    return kinds.names[Number.parseInt(this.kind[pair], 10)] ?? CANNOT_TELL;
  }
}

function certainty(flows, pair) {
  return flows.certain(pair) ? "certain" : CANNOT_TELL;
}

// The pairs of one class at an arm, in words: who received its answers, and whose it received.
function flowLists(study, arm, cls, choose) {
  const { flows } = study;
  if (!flows) return [];
  const from = flows.from ? [element("p", { textContent: `Confusion: ${flows.from[0].toLowerCase()}${flows.from.slice(1)}` })] : [];
  const own = flows.at(arm).filter((pair) => flows.change[pair] !== 0);
  if (!own.some((pair) => flows.source[pair] === cls || flows.target[pair] === cls)) {
    return [element("p", { textContent: `Of its confusions with other ${study.units} none is among the ${count(own.length)} that changed most surely here.` })];
  }
  const lost = own.filter((pair) => flows.source[pair] === cls), received = own.filter((pair) => flows.target[pair] === cls && flows.source[pair] !== cls);
  const lists = [
    ["Its images taken for others, change in points", lost, flows.target],
    ["Others’ images taken for it, change in points of theirs", received, flows.source],
  ];
  const drawn = element("div", { className: "arrows" });
  drawn.draw = () => drawn.replaceChildren(arrows(study, cls, lost, received, drawn.clientWidth));
  const key = element("p", { textContent: "Arrows are as wide as the change: orange where a confusion grew, blue where it shrank; full colour: certain." });
  return [...from, drawn, key, ...lists.filter(([, pairs]) => pairs.length).flatMap(([textContent, pairs, other]) => [
    element("h4", { textContent }),
    flowList(study, pairs, other, choose),
  ])];
}

function flowList(study, pairs, other, choose) {
  const { flows } = study;
  const items = pairs.slice(0, NAMED_PAIRS).map((pair) => {
    const mark = element("span", { textContent: flows.certain(pair) ? "●" : "○", title: certainty(flows, pair) });
    const change = element("b", { textContent: points(flows.change[pair]) });
    return element("li", {}, mark, receiver(study, pair, other, choose), element("span", {}, change, ` (${flows.interval(pair)})`));
  });
  if (pairs.length > NAMED_PAIRS) items.push(element("li", {}, element("span"), element("span", { textContent: `and ${count(pairs.length - NAMED_PAIRS)} more` })));
  return element("ol", {}, ...items);
}

// Who is named beside a class: another one or, of groups, another class of the same group.
function receiver(study, pair, other, choose) {
  const { source, target } = study.flows;
  if (source[pair] === target[pair]) return element("span", { textContent: "another class of the same group" });
  return classButton(study, other[pair], choose);
}

function classButton(study, cls, choose) {
  const button = element("button", { type: "button", title: study.classes[cls] }, named(study.label(cls)));
  button.addEventListener("click", () => choose(cls));
  return button;
}

// The surest pairs of an arm, as rows of a table.
function flowRows(study, arm, choose) {
  const { flows } = study;
  return flows.at(arm).slice(0, SUREST).map((pair) => {
    const before = percent(flows.before[pair]), after = percent(flows.before[pair] + flows.change[pair]);
    const mark = flows.certain(pair) ? "● " : "○ ";
    return element("tr", {},
      element("th", { scope: "row" }, classButton(study, flows.source[pair], choose)),
      element("td", { className: "name" }, receiver(study, pair, flows.target, choose)),
      cell(`${before} to ${after}`, "number"),
      estimated(points(flows.change[pair]), flows.interval(pair)),
      ...(study.kinds ? [cell(flows.kindOf(pair, study.kinds), "name")] : []),
      cell(mark + certainty(flows, pair), "status"),
    );
  });
}

// How each kind of confusion grew at an arm, as rows of a table; put into words by Python.
function kindRows(study, arm) {
  return study.kinds.arms[arm].map(([name, ...words]) =>
    element("tr", {}, element("th", { scope: "row", textContent: name }), ...words.map((text) => cell(text, "number"))));
}

// The pairs among the classes that are confused most surely more or less at an arm: a cell for each that the page keeps.
function pairData(study, arm, width) {
  const { flows } = study, classes = new Set();
  for (const pair of flows.at(arm)) {
    const two = [flows.source[pair], flows.target[pair]];
    if (classes.size + two.filter((cls) => !classes.has(cls)).length > MAPPED) break;
    two.forEach((cls) => classes.add(cls));
  }
  const order = [...classes], wide = (width - 150) / Math.max(order.length, 1) >= NUMBERED;
  const cells = new Map(flows.at(arm).filter((pair) => classes.has(flows.source[pair]) && classes.has(flows.target[pair]))
    .map((pair) => [flows.source[pair] * study.size + flows.target[pair], pair]));
  const rows = order.flatMap((cls) => order.map((other) => {
    const pair = cells.get(cls * study.size + other);
    const change = pair === undefined ? NaN : flows.change[pair], whole = Math.round(100 * change);
    const status = pair !== undefined && flows.certain(pair) ? "certain" : CANNOT_TELL;
    const text = cls === other ? "·" : wide && whole ? (whole < 0 ? "−" : "+") + Math.abs(whole) : "";
    // More confusion is for the worse, and has the colour of a loss.
    return { id: cls, name: study.label(cls), arm: study.label(other), effect: Number.isNaN(change) ? 0 : -inPoints(change), status, text };
  }));
  return { rows };
}

// The classes that receive most false answers at an arm, as rows of a table; `got` was put into words by Python.
function receiverRows(study, arm, choose) {
  return study.got[arm].map(({ cls, sure, words }) =>
    element("tr", {},
      element("th", { scope: "row" }, classButton(study, cls, choose)),
      ...words.map((text) => cell(text, "number")),
      cell(sure ? "● certain" : `○ ${CANNOT_TELL}`, "status"),
    ));
}
