// Example images of a few classes, cut from one sprite for each: as the network sees them, and those that were lost or gained.
const WIDTH = 72; // pixels that a picture is wide on the page, about: small ones are enlarged by whole factors

class ExampleCard {
  constructor(node, study, chosen, choose) {
    Object.assign(this, { node, study, choose, arm: study.first, sheets: new Map(), parts: {} });
    const { classes } = study.examples;
    this.shown = classes.find(({ id }) => id === chosen) ?? classes[0];
    this.tabs = classes.map((found) => this.tab(found));
    for (const name of ["seen", "lost", "gained"]) this.parts[name] = element("div", { className: name });
    const turned = element("div", { className: "turned-parts" }, this.parts.lost, this.parts.gained);
    node.append(
      element("h3", { textContent: "Example images" }),
      element("p", { textContent: `Of the ${study.units} that change most, each marked with its finding at the chosen arm. Images are a look, not evidence: those that turned are shown because they turned.` }),
      element("div", { className: "tools tabs", role: "group", ariaLabel: `Images of one ${study.unit} are shown` }, ...this.tabs),
      this.parts.seen,
      turned,
    );
    this.ready = this.render();
  }

  tab(found) {
    const button = element("button", { type: "button", title: this.study.classes[found.id] });
    button.addEventListener("click", () => this.choose(found.id));
    return button;
  }

  pickArm(arm) {
    this.arm = arm;
    this.ready = this.render();
  }

  // The page's class was chosen: it is shown if there are images of it.
  follow(cls) {
    const found = this.study.examples.classes.find(({ id }) => id === cls);
    if (!found || found === this.shown) return;
    this.shown = found;
    this.ready = this.render();
  }

  async render() {
    const { shown, arm, study } = this;
    this.node.ariaBusy = "true";
    study.examples.classes.forEach(({ id }, k) => {
      const status = study.status(arm, id);
      const mark = element("span", { className: `status-${PLAIN(status)}`, textContent: `${MARK[status]} `, title: status });
      this.tabs[k].replaceChildren(mark, named(study.label(id)));
      this.tabs[k].ariaPressed = String(id === shown.id);
    });
    const sheet = await this.sheet(shown);
    if (shown !== this.shown || arm !== this.arm) return; // another choice was faster
    this.parts.seen.replaceChildren(...this.seen(sheet));
    this.parts.lost.replaceChildren(...this.turned(sheet, "lost"));
    this.parts.gained.replaceChildren(...this.turned(sheet, "gained"));
    this.node.ariaBusy = "false";
  }

  async sheet(found) {
    if (!found.sprite) return null;
    if (!this.sheets.has(found)) {
      const blob = new Blob([bytesOf(found.sprite)], { type: `image/${this.study.examples.kind}` });
      this.sheets.set(found, await createImageBitmap(blob));
    }
    return this.sheets.get(found);
  }

  // One cell of a sprite, for eyes and for those who listen.
  picture(sheet, cell, label) {
    const { size: [height, width], pitch: [high, wide], columns } = this.study.examples;
    const factor = Math.max(1, Math.round(WIDTH / width));
    const canvas = element("canvas", { width, height, role: "img", ariaLabel: label, title: label });
    canvas.style.width = `${width * factor}px`;
    canvas.className = factor > 1 ? "tiny" : "";
    const left = (cell % columns) * wide, top = Math.floor(cell / columns) * high;
    canvas.getContext("2d").drawImage(sheet, left, top, width, height, 0, 0, width, height);
    return canvas;
  }

  seen(sheet) {
    const { examples } = this.study, { id, seen, samples } = this.shown;
    const head = element("h4", {}, "What the network sees of ", named(this.study.label(id)));
    if (examples.whyNone) return [head, element("p", { textContent: examples.whyNone })];
    if (!seen.length) return [head, element("p", { textContent: `There is no training image of this ${this.study.unit}.` })];
    const what = seen.length === 1 ? "The same training image" : `The same ${seen.length} training images`;
    const there = examples.arms.includes(this.arm) ? "" : " The chosen arm is not among those drawn.";
    const small = examples.shrunk ? " Made smaller for this page." : "";
    const text = `${what} with the same random numbers at every dose, as a run with seed ${examples.seed} sees`
      + ` ${seen.length === 1 ? "it" : "them"} in its first epoch; what else the recipe has on is on here, too.${there}${small}`;
    return [head, element("p", { textContent: text }), element("div", { className: "doses" }, ...examples.arms.map((arm, k) => {
      const title = arm < 0 ? `${this.study.baseline.name} (baseline)` : this.study.arms[arm].title;
      const strip = seen.map((cells, i) => this.picture(sheet, cells[k], `Training image ${samples[i]} at ${title}`));
      const caption = element("figcaption", {}, named(title));
      return element("figure", { className: arm === this.arm ? "here" : "" }, caption, element("div", { className: "strip" }, ...strip));
    }))];
  }

  turned(sheet, side) {
    const { study, arm } = this, { id } = this.shown;
    const head = element("h4", {}, side === "lost" ? "Lost at " : "Gained at ", named(study.arms[arm].title));
    const change = this.shown[side][arm];
    if (!change) return [];
    const [total, first] = change;
    const [most, least] = side === "lost" ? ["right", "wrong"] : ["wrong", "right"];
    const some = first.length < total && first.length ? `; ${first.length} are shown, the largest change first` : "";
    const turn = `: most runs of the baseline get ${total === 1 ? "it" : "them"} ${most}, most runs here ${least}`;
    const text = `${total ? count(total) : "None"} of ${count(study.n[id])} images of this ${study.unit}${total ? turn + some : ""}.`;
    return [head, element("p", { textContent: text }), element("ul", { className: "turned" }, ...first.map((told) => this.one(sheet, told, side)))];
  }

  one(sheet, [sample, cell, before, after, called, times], side) {
    const { study, arm } = this, of = study.examples.of, { runs } = study.arms[arm];
    const wrong = side === "lost" ? runs - after : of - before;
    const say = [`, ${times} of ${wrong} wrong answers say `, named(typeof called === "string" ? called : study.label(called))];
    const words = element("p", {}, `Baseline: right in ${before} of ${of} runs`, ...(side === "lost" ? [] : say),
      `. Here: ${after} of ${runs}`, ...(side === "lost" ? say : []), ".");
    const label = `Image ${sample} of ${study.classes[this.shown.id]}`;
    return element("li", {}, this.picture(sheet, cell, label), element("div", {}, named(sample), words));
  }
}
