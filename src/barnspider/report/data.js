// The study as the page holds it: one typed array for each column, arm by arm. NaN where nothing can be said.
const SHARE = 20000;
const CHANCE = 30000;
const MISSING = -32768;
const STATUS = ["cannot tell", "harmed", "helped"];

function unpack(text, scale) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const values = new Float32Array(bytes.length / 2);
  for (let i = 0; i < values.length; i++) {
    const number = view.getInt16(2 * i, true);
    values[i] = number === MISSING ? NaN : number / scale;
  }
  return values;
}

class Study {
  constructor(raw) {
    const { id, name, classes, short, n, baseline, arms, best, gains, level, worst, specs } = raw;
    Object.assign(this, { id, name, classes, n, baseline, arms, best, gains, level, worst, specs });
    this.shortNames = short;
    this.codes = raw.status;
    this.size = classes.length;
    this.before = unpack(raw.before, SHARE);
    this.found = unpack(raw.found, SHARE); // the smallest change that this study finds, arm by arm
    this.cells = {};
    for (const [column, text] of Object.entries(raw.cells)) {
      this.cells[column] = unpack(text, column === "q" || column === "prob_harm" ? CHANCE : SHARE);
    }
    const known = this.cells.effect.filter((value) => !Number.isNaN(value));
    this.range = 100 * known.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
    this.folded = classes.map((text) => text.toLowerCase());
  }

  get(column, arm, cls) {
    return this.cells[column][arm * this.size + cls];
  }

  status(arm, cls) {
    return STATUS[this.codes.charCodeAt(arm * this.size + cls) - 48];
  }

  // A name for a chart's text: short, unlike all others.
  short(cls) {
    return this.shortNames[cls] ?? this.classes[cls];
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
