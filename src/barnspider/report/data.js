// The study as the page holds it: one typed array for each column, arm by arm. NaN where nothing can be said.
const SHARE = 20000;
const CHANCE = 30000;
const MISSING = -32768;
const STATUS = ["cannot tell", "harmed", "helped", "unchanged"];
const CHANCES = ["q", "relative_q", "prob_harm"];

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// What the page was given: JSON, deflated, so that ten thousand classes stay small.
async function unseal(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function unpack(text, scale) {
  const view = new DataView(bytesOf(text).buffer);
  const values = new Float32Array(view.byteLength / 2);
  for (let i = 0; i < values.length; i++) {
    const number = view.getInt16(2 * i, true);
    values[i] = number === MISSING ? NaN : number / scale;
  }
  return values;
}

function unpackAll(columns, change) {
  return Object.fromEntries(Object.entries(columns).map(([name, text]) => [name, change(text, name)]));
}

class Study {
  constructor(raw) {
    Object.assign(this, raw);
    this.size = raw.classes.length;
    this.before = unpack(raw.before, SHARE);
    this.cells = unpackAll(raw.cells, (text, column) => unpack(text, CHANCES.includes(column) ? CHANCE : SHARE));
    if (raw.tolls) {
      const { own, average, ...columns } = raw.tolls;
      this.tolls = { own, average, ...unpackAll(columns, (text) => unpack(text, SHARE)) };
    }
    if (raw.curves) {
      const { dose, delta, lines, marks } = raw.curves;
      const floats = (text) => new Float32Array(bytesOf(text).buffer);
      this.curves = { dose, delta, lines: unpackAll(lines, (text) => unpack(text, SHARE)), marks: unpackAll(marks, floats) };
    }
    this.measured = { baseline: raw.flows && new Flows(raw.flows), own: raw.ownFlows && new Flows(raw.ownFlows) };
    this.flows = this.measured.baseline;
    this.got = raw.flows?.got;
    if (raw.preserved) {
      const columns = ({ name, ...texts }) => ({ name, ...unpackAll(texts, (text) => unpack(text, SHARE)) });
      this.preserved = { ...raw.preserved, networks: raw.preserved.networks.map(columns) };
    }
    const known = this.cells.effect.filter((value) => !Number.isNaN(value));
    this.range = 100 * known.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
    this.folded = raw.classes.map((text) => text.toLowerCase());
  }

  // Where answers went: from the "baseline", or from each class's "own" best arm.
  compareFlows(from) {
    this.flows = this.measured[from];
  }

  get(column, arm, cls) {
    return this.cells[column][arm * this.size + cls];
  }

  code(arm, cls) {
    return this.codes.charCodeAt(arm * this.size + cls) - 48;
  }

  status(arm, cls) {
    return STATUS[this.code(arm, cls) & 3];
  }

  // Certainly changed by less than the margin, be it harmed or helped.
  negligible(arm, cls) {
    return (this.code(arm, cls) & 4) > 0;
  }

  // Certainly not as the average of all classes.
  apart(arm, cls) {
    return (this.code(arm, cls) & 8) > 0;
  }

  // A name for a chart's text: short, unlike all others.
  label(cls) {
    return this.short[cls] ?? this.classes[cls];
  }

  // What to call an arm in few letters; the baseline is arm -1.
  armLabel(arm) {
    return arm < 0 ? this.baseline.shown : this.arms[arm].shown;
  }

  // The arms that may be the best for a class; the others are certainly worse.
  mayBeBest(cls) {
    return this.choice.arms.filter((_, k) => this.choice.may[k * this.size + cls] === "1");
  }

  // Classes from the worst to the best by shrunken effect, which does not chase noise; without evidence, last.
  order(arm) {
    const shrunk = this.cells.shrunk.subarray(arm * this.size, (arm + 1) * this.size);
    const effect = this.cells.effect.subarray(arm * this.size, (arm + 1) * this.size);
    const last = (c) => Number(Number.isNaN(shrunk[c]));
    const all = Array.from(shrunk.keys());
    return all.sort((a, b) => last(a) - last(b) || shrunk[a] - shrunk[b] || effect[a] - effect[b] || a - b);
  }

  // Arms that have a place on the dose axis, ascending; the baseline is arm -1.
  get dosed() {
    const places = [{ arm: -1, dose: this.baseline.dose }];
    this.arms.forEach((arm, i) => places.push({ arm: i, dose: arm.dose }));
    return places.filter((p) => p.dose !== null).sort((a, b) => a.dose - b.dose);
  }

  // Where the class's measured curve is highest: {arm, dose, effect}; arm -1 is the baseline.
  peak(cls) {
    let best = null;
    for (const { arm, dose } of this.dosed) {
      const effect = arm < 0 ? 0 : this.get("effect", arm, cls);
      if (!Number.isNaN(effect) && (best === null || effect > best.effect)) best = { arm, dose, effect };
    }
    return best;
  }

  // The first classes whose name holds the words, exact and leading matches first.
  find(words, most) {
    const wanted = words.trim().toLowerCase();
    const exact = [], leading = [], inside = [];
    for (let c = 0; c < this.size; c++) {
      const at = this.folded[c].indexOf(wanted);
      if (at < 0) continue;
      (this.folded[c] === wanted ? exact : at === 0 ? leading : inside).push(c);
    }
    return exact.concat(leading, inside).slice(0, most);
  }
}
