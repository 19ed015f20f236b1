// Numbers -> words. A number that is not there is "cannot tell", never NaN.
const CANNOT_TELL = "cannot tell";
const MARK = { harmed: "▼", helped: "▲", [CANNOT_TELL]: "○" };

function points(value, signed = true) {
  if (Number.isNaN(value)) return CANNOT_TELL;
  const rounded = Math.round(1000 * value) / 10;
  const text = Math.abs(rounded).toFixed(1);
  return (rounded < 0 ? "−" : signed && rounded > 0 ? "+" : "") + text;
}

function between(low, high) {
  if (Number.isNaN(low) || Number.isNaN(high)) return CANNOT_TELL;
  const signed = low < 0 && high > 0;
  return `${points(low, signed)} to ${points(high, signed)}`;
}

function chance(value) {
  if (Number.isNaN(value)) return CANNOT_TELL;
  if (value < 0.001) return "< 0.001";
  return value > 0.999 ? "> 0.999" : value.toFixed(3);
}

function count(number) {
  return number.toLocaleString("en-US");
}

function percent(value) {
  return Number.isNaN(value) ? CANNOT_TELL : `${(100 * value).toFixed(1)} %`;
}

function lostOrGained(effect) {
  const size = points(Math.abs(effect), false);
  return size === "0.0" ? "did not change" : `${effect < 0 ? "lost" : "gained"} ${size} points`;
}

// What happened to a class at an arm, for a reader who is no statistician.
function sentence(study, arm, cls) {
  const effect = study.get("effect", arm, cls);
  if (Number.isNaN(effect)) {
    return study.n[cls] ? "Cannot tell: there is not enough evidence." : "Cannot tell: there is no image of this class.";
  }
  const low = study.get("low", arm, cls), high = study.get("high", arm, cls);
  const level = `${+(100 * study.level).toFixed(2)} % interval`;
  const change = `${lostOrGained(effect)}, from ${percent(study.before[cls])} to ${percent(study.before[cls] + effect)}`;
  if (study.status(arm, cls) === CANNOT_TELL) {
    return `Cannot tell: it ${change}, but anything from ${between(low, high)} points fits these answers (${level}).`;
  }
  const range = effect < 0 ? between(-high, -low) : between(low, high);
  return `It ${change} (${level} ${range}); chance does not explain that.`;
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
