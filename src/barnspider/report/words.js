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

// What happened to a class at an arm, in one sentence a person understands.
function sentence(study, arm, cls) {
  const effect = study.get("effect", arm, cls);
  if (Number.isNaN(effect)) {
    return study.n[cls] ? "Cannot tell: there is not enough evidence." : "Cannot tell: there is no image of this class.";
  }
  const low = study.get("low", arm, cls), high = study.get("high", arm, cls);
  const level = `${+(100 * study.level).toFixed(1)} % interval`;
  const status = study.status(arm, cls);
  if (status === "harmed") {
    return `Lost ${points(-effect, false)} points (${level} ${between(-high, -low)}); chance does not explain it.`;
  }
  if (status === "helped") {
    return `Gained ${points(effect, false)} points (${level} ${between(low, high)}); chance does not explain it.`;
  }
  return `Changed by ${points(effect)} points (${level} ${between(low, high)}); chance can explain that.`;
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
