// Numbers -> words. A number that is not there is "cannot tell", never NaN.
const CANNOT_TELL = "cannot tell";
const MARK = { harmed: "▼", helped: "▲", unchanged: "■", [CANNOT_TELL]: "○" };
const PLAIN = (status) => status.replace(" ", "-"); // as part of a class name of the style sheet

function points(value, signed = true) {
  if (Number.isNaN(value)) return CANNOT_TELL;
  const rounded = Math.round(1000 * value) / 10;
  const text = Math.abs(rounded).toFixed(1);
  return (rounded < 0 ? "−" : signed && rounded > 0 ? "+" : "") + text;
}

function between(low, high) {
  if (Number.isNaN(low) || Number.isNaN(high)) return CANNOT_TELL;
  const signed = low < 0;
  return `${points(low, signed)} to ${points(high, signed)}`;
}

function chance(value) {
  if (Number.isNaN(value)) return CANNOT_TELL;
  if (value < 0.001) return "< 0.001";
  return value.toFixed(3);
}

function count(number) {
  return number.toLocaleString("en-US");
}

function percent(value, digits = 1) {
  return Number.isNaN(value) ? CANNOT_TELL : `${(100 * value).toFixed(digits)} %`;
}

// A dose with three digits at most; one that was never reached is infinite.
function dose(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "never";
}

function lostOrGained(effect) {
  const size = points(Math.abs(effect), false);
  return size === "0.0" ? "did not change" : `${effect < 0 ? "lost" : "gained"} ${size} points`;
}

// What happened to a class at an arm, for a reader who is no statistician: the words of the command line.
function sentence(study, arm, cls) {
  if (Number.isNaN(study.get("effect", arm, cls))) return `Cannot tell: there is no image of this ${study.unit}.`;
  const told = { harmed: changed, helped: changed, unchanged, [CANNOT_TELL]: cannotTell }[study.status(arm, cls)];
  return told(study, arm, cls) + notAsAverage(study, arm, cls);
}

function notAsAverage(study, arm, cls) {
  if (!study.apart(arm, cls)) return "";
  const relative = study.get("relative", arm, cls);
  const q = `${study.symbol} ${compared(study.get("relative_q", arm, cls))}`;
  return ` It did ${points(Math.abs(relative), false)} points ${relative < 0 ? "worse" : "better"} than the average (${q}).`;
}

function changed(study, arm, cls) {
  const low = study.get("low", arm, cls), high = study.get("high", arm, cls);
  const size = study.get("effect", arm, cls) < 0 ? between(-high, -low) : between(low, high);
  const small = study.negligible(arm, cls) ? ` It is certainly less than ${study.margin} points.` : "";
  return `It ${fromTo(study, arm, cls)} (${levelOf(study)} ${size}); chance does not explain that (${symbolOf(study, arm, cls)}).${small}`;
}

function unchanged(study, arm, cls) {
  return `It is unchanged: it ${fromTo(study, arm, cls)} (${levelOf(study)} ${range(study, arm, cls)}), certainly by less than ${study.margin} points either way.`;
}

function cannotTell(study, arm, cls) {
  const smallest = study.get("found", arm, cls);
  const found = smallest < 1 ? `finds changes of ${points(smallest, false)} points or more` : "finds no change, however large";
  const told = `${levelOf(study)}, ${symbolOf(study, arm, cls)}`, interval = range(study, arm, cls);
  const alone = study.get("low", arm, cls) > 0 || study.get("high", arm, cls) < 0;
  const why = alone
    ? `which of one ${study.unit} by itself would be a finding, but is none among so many (${interval}; ${told})`
    : `but anything from ${interval} points fits these answers (${told})`;
  return `Cannot tell. It ${fromTo(study, arm, cls)}, ${why}. This design ${found}, 4 times in 5.`;
}

function fromTo(study, arm, cls) {
  const before = percent(study.before[cls]), after = percent(study.get("after", arm, cls));
  return `${lostOrGained(study.get("effect", arm, cls))}, from ${before} to ${after}`;
}

function levelOf(study) {
  return `${+(100 * study.level).toFixed(2)} % interval${study.atOnce ? ` for all ${study.units} at once` : ""}`;
}

function symbolOf(study, arm, cls) {
  return `${study.symbol} ${compared(study.get("q", arm, cls))}`;
}

function compared(q) {
  const text = chance(q);
  return text.startsWith("<") ? text : `= ${text}`;
}

// The interval of a column of changes: "low" and "high", or "relative_low" and "relative_high".
function range(study, arm, cls, prefix = "") {
  return between(study.get(`${prefix}low`, arm, cls), study.get(`${prefix}high`, arm, cls));
}

// A stranger's name in an element that keeps its writing direction to itself.
function named(text, tag = "bdi") {
  const node = document.createElement(tag);
  node.textContent = text;
  node.title = text;
  return node;
}

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
