// Label preservation beside the effect: what changing the test images costs references, and what training does.
const SMALL = 12; // classes that are drawn one by one
const ODD = 4; // of them, at most, harmed although their label is kept
const NAMED_POINTS = 12; // classes whose points carry their names where there is room; of more, those that are marked
const NAME_WIDTH = 110; // pixels that the name of a point takes

class PreservedCard {
  constructor(node, study, arm, cls, choose) {
    Object.assign(this, { node, study, arm, cls, choose, network: 0, views: [], shown: [] });
    this.find = (selector) => node.querySelector(selector);
    this.find(".pick-network")?.addEventListener("change", (event) => this.change({ network: Number(event.target.value) }));
    this.find(".pick-asked")?.addEventListener("change", (event) => this.change({ arm: Number(event.target.value) }));
    this.slots = this.classes().map(() => {
      const slot = { title: element("figcaption"), chart: element("div", { className: "chart kept" }) };
      this.find(".smalls").append(element("figure", {}, slot.title, slot.chart));
      return slot;
    });
    if (this.told === undefined) this.arm = study.preserved.told[0]?.arm ?? arm;
    this.offer();
  }

  // What is foretold at the dose and by the references that are chosen.
  get told() {
    return this.study.preserved.told.find((x) => x.arm === this.arm && x.network === this.network);
  }

  // The chosen class; those harmed although their label is kept; then those that lose their label first.
  classes() {
    const odd = (this.told?.odd ?? []).slice(0, ODD);
    return [...new Set([this.cls, ...odd, ...this.study.preserved.order])].slice(0, SMALL);
  }

  offer() {
    const { told } = this, select = this.find(".pick-asked");
    if (select) select.value = this.arm;
    if (told) this.find(".t-foretold").textContent = told.words;
    const { size, units } = this.study, note = this.find(".points-drawn");
    if (note && size > MANY) note.textContent = ` Of ${count(size)} ${units} every ${Math.ceil(size / MANY)}th is a point, and each that is ringed.`;
  }

  // The page's dose, where references were asked about it, too.
  pickArm(arm) {
    if (this.study.preserved.told.some((x) => x.arm === arm)) this.change({ arm });
  }

  change(state) {
    Object.assign(this, state);
    this.offer();
    this.refresh();
  }

  async draw() {
    const { specs } = this.study;
    if (this.told) {
      const node = this.find(".chart.foretold");
      this.points = await draw(node, "foretold", specs.foretold, this.pointData());
      this.points.addEventListener("click", (_, item) => item?.datum?.id !== undefined && this.choose(item.datum.id));
    }
    this.name();
    for (const [i, cls] of this.shown.entries()) {
      const { chart } = this.slots[i];
      chart.setAttribute("role", "img");
      chart.setAttribute("aria-label", "What changing the images of this class costs, and what training with it does, over the doses");
      this.views[i] = await draw(chart, "kept", specs.kept, this.curveData(cls));
    }
  }

  refresh() {
    if (this.points && this.told) refill(this.points, "foretold", this.pointData());
    this.name();
    this.views.forEach((view, i) => this.shown[i] !== undefined && refill(view, "kept", this.curveData(this.shown[i])));
  }

  // Above every small chart stands its class.
  name() {
    this.shown = this.classes();
    this.slots.forEach(({ title, chart }, i) => {
      const cls = this.shown[i];
      chart.parentNode.hidden = cls === undefined;
      if (cls === undefined) return;
      chart.parentNode.className = cls === this.cls ? "here" : "";
      title.replaceChildren(classButton(this.study, cls, this.choose), ...this.odd(cls));
    });
  }

  odd(cls) {
    return this.told?.odd.includes(cls) ? [element("span", { textContent: "harmed although the label is kept" })] : [];
  }

  curveData(cls) {
    const { study, arm } = this, { doses } = study.preserved, dose = study.arms[arm].dose;
    const asked = doses.map((at, d) => ({ dose: at, ...this.ends(d, cls) }));
    const unknown = asked.some((row) => row.effect === null);
    return {
      asked: unknown ? [] : [{ dose: 0, effect: 0, low: 0, high: 0 }, ...asked],
      own: curveRows(study, arm, cls),
      here: dose === null ? [] : [{ dose }],
    };
  }

  // What changing a class's images costs at a dose, by its number.
  ends(d, cls) {
    const columns = this.study.preserved.networks[this.network];
    const at = (name) => inPoints(columns[name][d * this.study.size + cls]);
    return { effect: at("effect"), low: at("low"), high: at("high") };
  }

  pointData() {
    const { study, arm, told, cls } = this, odd = new Set(told.odd);
    const rows = study.order(arm).map((id) => this.point(id, odd)).filter((row) => row.cost !== null && row.effect !== null);
    const step = Math.ceil(rows.length / MANY) || 1;
    const drawn = rows.filter((row, k) => k % step === 0 || row.odd || row.id === cls);
    const marked = drawn.filter((row) => row.odd).slice(0, MARKED), own = drawn.filter((row) => row.id === cls && !row.odd);
    const wanted = drawn.length <= NAMED_POINTS ? marked.concat(own, drawn.filter((row) => !row.odd && row.id !== cls)) : marked.concat(own);
    placeTexts(drawn, wanted, NAME_WIDTH / Math.max(this.find(".chart.foretold").clientWidth, 2 * NAME_WIDTH));
    const named = wanted.filter((row) => row.odd || row.id === cls || !row.crowded);
    return {
      rows: drawn,
      odd: marked,
      bars: drawn.length <= MARKED ? drawn : marked.concat(own),
      texts: named,
      lost: [{ cost: -study.preserved.lost }],
    };
  }

  point(id, odd) {
    const { effect, low, high } = this.ends(this.told.dose, id), { study, arm } = this;
    const cost = { cost: effect, cost_low: low, cost_high: high };
    return { id, name: study.label(id), status: study.status(arm, id), odd: odd.has(id), ...cost, ...interval(study, arm, id) };
  }
}

// The text of a point stands below it where the text of one before would be in its way.
function placeTexts(rows, named, long) {
  const span = (key) => Math.max(...rows.map((row) => row[key])) - Math.min(...rows.map((row) => row[key])) || 1;
  const wide = span("cost"), high = span("effect");
  named.forEach((row, i) => {
    const near = named.slice(0, i)
      .filter((other) => Math.abs(other.cost - row.cost) < long * wide && Math.abs(other.effect - row.effect) < 0.08 * high)
      .map((other) => other.below);
    row.below = near.includes(false) && !near.includes(true);
    row.crowded = near.includes(false) && near.includes(true);
  });
}
