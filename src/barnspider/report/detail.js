// What is known of one class, in words: its finding at the chosen arm, and what it would choose for itself.
function detail(study, arm, cls, choose) {
  const status = study.status(arm, cls);
  const finding = element("p", { className: `status-${PLAIN(status)}` }, element("b", { textContent: `${MARK[status]} ${status}` }),
    " at ", named(study.arms[arm].title));
  const parts = [againstAverage, likely, ownDose, prescribed, toll, turning];
  const lines = [sentence(study, arm, cls), ...parts.map((part) => part(study, arm, cls))];
  return [
    named(study.classes[cls], "h3"),
    finding,
    ...lines.filter((text) => text).map((textContent) => element("p", { textContent })),
    ...flowLists(study, arm, cls, choose),
  ];
}

function againstAverage(study, arm, cls) {
  const relative = study.get("relative", arm, cls);
  if (Number.isNaN(relative)) return "";
  const size = `${points(relative)} points (${range(study, arm, cls, "relative_")}; ${study.symbol} ${compared(study.get("relative_q", arm, cls))})`;
  return `Against the average of all images: ${size}.`;
}

function likely(study, arm, cls) {
  const harm = study.get("prob_harm", arm, cls);
  if (Number.isNaN(harm)) return "";
  return `Chance of harm ${percent(harm, 0)}; shrunken effect ${points(study.get("shrunk", arm, cls))} points, over ${count(study.n[cls])} images.`;
}

// The arms that may be the best for the class, lowest dose first.
function ownDose(study, arm, cls) {
  if (!study.choice || !study.n[cls]) return "";
  const doseOf = (at) => (at < 0 ? study.baseline.dose : study.arms[at].dose) ?? -1;
  const may = study.mayBeBest(cls).sort((a, b) => doseOf(a) - doseOf(b));
  const names = may.slice(0, 6).map((at) => study.armLabel(at)).join(", ") + (may.length > 6 ? ` and ${may.length - 6} more` : "");
  return may.length > 1 ? `Its own best is one of ${names}: the data cannot tell which.` : `Its own best is ${names}.`;
}

// What each prescription gives the class: a letter for each class stands for its dose, from "0" on.
function prescribed(study, arm, cls) {
  if (!study.prescribed.length) return "";
  const told = study.prescribed.map(({ name, doses, of }) => `${name} ${dose(doses[of.charCodeAt(cls) - 48])}`);
  return `Prescribed for it: ${study.prescribed[0].vary} ${told.join(", ")}.`;
}

function toll(study, arm, cls) {
  const { tolls } = study;
  if (!tolls || Number.isNaN(tolls.toll[cls])) return "";
  const size = `${points(tolls.toll[cls], false)} points (${between(tolls.low[cls], tolls.high[cls])}; naive ${points(tolls.naive[cls], false)})`;
  const unsure = tolls.low[cls] > 0 ? "" : ", which chance could explain";
  return `Toll of ${study.armLabel(tolls.average)}, the best on average: ${size}${unsure}.`;
}

// Where the smooth curve of the class turns; beyond the doses that were studied is "never".
function turning(study, arm, cls) {
  const { curves } = study;
  if (!curves || Number.isNaN(curves.marks.peak[cls])) return "";
  const at = (kind) => {
    const [middle, low, high] = ["", "_low", "_high"].map((end) => dose(curves.marks[kind + end][cls]));
    return `${middle} (${low} to ${high})`;
  };
  return `Its smooth curve peaks at dose ${at("peak")} and ${loss(curves, cls, at)}.`;
}

function loss({ marks, delta }, cls, at) {
  if (Number.isFinite(marks.lost[cls])) return `has lost ${delta} from dose ${at("lost")}`;
  const soonest = marks.lost_low[cls];
  return Number.isFinite(soonest) ? `never loses ${delta}, though it might from dose ${dose(soonest)} on` : `never loses ${delta}`;
}
