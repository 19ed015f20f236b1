// Where answers went: pairs of classes, and how an arm changes how often one is taken for the other.
const SUREST = 12; // pairs that the table of an arm shows
const NAMED_PAIRS = 5; // pairs of one class that are named in each direction

class Flows {
  constructor({ arms, source, target, sure, of, ...columns }) {
    const numbers = (text) => new Uint32Array(bytesOf(text).buffer);
    Object.assign(this, { arms, sure, of, source: numbers(source), target: numbers(target) });
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
}

function certainty(flows, pair) {
  return flows.certain(pair) ? "certain" : CANNOT_TELL;
}

// The pairs of one class at an arm, in words: who received its answers, and whose it received.
function flowLists(study, arm, cls, choose) {
  const { flows } = study;
  if (!flows) return [];
  const own = flows.at(arm).filter((pair) => flows.change[pair] !== 0);
  if (!own.some((pair) => flows.source[pair] === cls || flows.target[pair] === cls)) {
    return [element("p", { textContent: `Of its confusions with other ${study.units} none is among the ${count(own.length)} that changed most surely here.` })];
  }
  const lists = [
    ["Its images taken for others, change in points", own.filter((pair) => flows.source[pair] === cls), flows.target],
    ["Others’ images taken for it, change in points of theirs", own.filter((pair) => flows.target[pair] === cls && flows.source[pair] !== cls), flows.source],
  ];
  return lists.filter(([, pairs]) => pairs.length).flatMap(([textContent, pairs, other]) => [
    element("h4", { textContent }),
    flowList(study, pairs, other, choose),
  ]);
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
      cell(mark + certainty(flows, pair), "status"),
    );
  });
}
