// The page: one controller for each study, which holds what the reader chose and tells the charts and the table.
class StudyPage {
  constructor(node, study) {
    Object.assign(this, { node, study, arm: study.first, chosen: study.order(study.first)[0], which: "both", views: {} });
    this.find = (selector) => node.querySelector(selector);
    this.table = new ClassTable(this.find(".table"), study, (cls) => this.choose(cls));
    this.examples = study.examples && new ExampleCard(this.find(".examples"), study, this.chosen, (cls) => this.choose(cls));
    this.preserved = study.preserved && new PreservedCard(this.find(".preserved"), study, this.arm, this.chosen, (cls) => this.choose(cls));
    this.listen();
    this.table.chosen = this.chosen;
    this.table.render();
    this.who();
    this.flow();
    this.describe();
    this.note();
  }

  listen() {
    this.find(".pick-arm").addEventListener("change", (event) => this.pickArm(Number(event.target.value)));
    const input = this.find(".pick-class");
    input.addEventListener("input", () => this.suggest(input.value));
    input.addEventListener("change", () => this.search(input.value));
    input.addEventListener("keydown", (event) => event.key === "Enter" && this.search(input.value));
    this.find(".pick-from")?.addEventListener("change", (event) => this.compareFlows(event.target.value));
    if (this.study.size > ROWS) this.offerRows();
    if (this.study.flows) new ResizeObserver(() => this.find(".arrows")?.draw()).observe(this.find(".detail"));
  }

  offerRows() {
    const select = element("select", { ariaLabel: `Which ${this.study.units} to draw` });
    const half = ROWS / 2;
    const offers = { both: `the ${half} lowest and the ${half} highest`, lowest: `the ${ROWS} lowest`, highest: `the ${ROWS} highest` };
    for (const [value, textContent] of Object.entries(offers)) select.append(element("option", { value, textContent }));
    select.addEventListener("change", () => {
      this.which = select.value;
      this.refresh();
    });
    this.find(".choice").append(select, ` of ${count(this.study.size)} ${this.study.units}`);
  }

  suggest(words) {
    const list = this.find("datalist");
    const matches = words.trim() ? this.study.find(words, 20) : [];
    list.replaceChildren(...matches.map((cls) => element("option", { value: this.study.classes[cls] })));
    const exact = matches.length && this.study.classes[matches[0]] === words;
    if (exact) this.choose(matches[0]);
  }

  search(words) {
    const [first] = words.trim() ? this.study.find(words, 1) : [];
    if (first !== undefined) this.choose(first);
  }

  pickArm(arm) {
    this.arm = arm;
    const about = this.study.arms[arm];
    const texts = {
      average: about.average, interval: about.within, harmed: count(about.harmed), helped: count(about.helped),
      unchanged: count(about.unchanged), unclear: count(about.unclear), found: about.found,
      tau: about.tau, "tau-interval": `tau, ${about.tau_within}`, unequal: about.unequal,
      headline: about.headline, arm: about.title, generalizes: about.generalizes, lead: about.lead,
      role: about.role && ` (${about.role})`,
    };
    for (const [name, text] of Object.entries(texts)) {
      for (const node of this.node.querySelectorAll(`.t-${name}`)) node.textContent = text;
    }
    this.table.change({ arm });
    this.examples?.pickArm(arm);
    this.preserved?.pickArm(arm);
    this.who();
    this.flow();
    this.describe();
    this.refresh();
  }

  // Where answers went, from the baseline or from each class's own best arm.
  compareFlows(from) {
    this.study.compareFlows(from);
    this.flow();
    this.describe();
    if (this.views.pairs) refill(this.views.pairs, "pairs", this.data().pairs());
  }

  choose(cls) {
    this.chosen = cls;
    this.table.mark(cls);
    this.examples?.follow(cls);
    this.preserved?.change({ cls });
    this.describe();
    this.preview(cls);
  }

  preview(cls) {
    if (this.views.curves) refill(this.views.curves, "curves", chosenData(this.study, this.arm, cls));
  }

  // The few that lose and gain most at the chosen arm, by shrunken effect.
  who() {
    const { study, arm } = this;
    const order = study.order(arm).filter((cls) => !Number.isNaN(study.get("effect", arm, cls)));
    const half = Math.ceil(order.length / 2), few = 5;
    const parts = [["Lowest", order.slice(0, half).slice(0, few)], ["Highest", order.slice(half).slice(-few).reverse()]];
    this.find(".who").replaceChildren(
      element("h3", {}, "Who pays, who gains at ", named(study.arms[arm].title)),
      element("p", { textContent: "In the order of the shrunken effects, which do not chase noise; the effect and its interval are shown." }),
      ...parts.filter(([, classes]) => classes.length).flatMap(([textContent, classes]) => [
        element("h4", { textContent }),
        this.ranking(classes),
      ]),
    );
  }

  ranking(classes) {
    const { study, arm } = this;
    const items = classes.map((cls) => {
      const status = study.status(arm, cls);
      const mark = element("span", { className: `status-${PLAIN(status)}`, textContent: MARK[status], title: status });
      const button = classButton(study, cls, () => this.choose(cls));
      const effect = element("b", { textContent: points(study.get("effect", arm, cls)) });
      const words = element("span", {}, effect, ` (${range(study, arm, cls)})`);
      return element("li", {}, mark, button, words);
    });
    return element("ol", {}, ...items);
  }

  // Where not every class is drawn, the page says so.
  note() {
    const { size } = this.study, drawn = this.find(".drawn"), thinned = this.find(".thinned");
    const half = count(MANY / 2);
    if (drawn && size > MANY) drawn.textContent = ` Of ${count(size)} ${this.study.units} the ${half} lowest and the ${half} highest at that dose are drawn.`;
    if (thinned && size > BARS) thinned.textContent = ` (of ${count(size)}, every ${Math.ceil(size / BARS)}th)`;
  }

  describe() {
    this.find(".detail").replaceChildren(...detail(this.study, this.arm, this.chosen, (cls) => this.choose(cls)));
    this.find(".arrows")?.draw(); // it must know its width
  }

  // The pairs of classes whose confusion changed most surely at the chosen arm.
  flow() {
    const { study, arm } = this;
    if (!study.flows) return;
    this.find(".t-flows").textContent = `${study.flows.of[arm]} ${study.flows.from}`;
    this.find(".pairs-table tbody").replaceChildren(...flowRows(study, arm, (cls) => this.choose(cls)));
    this.find(".kinds tbody")?.replaceChildren(...kindRows(study, arm));
    this.find(".receivers tbody")?.replaceChildren(...receiverRows(study, arm, (cls) => this.choose(cls)));
  }

  data() {
    const { study, arm, chosen, which } = this;
    return {
      curves: () => curveData(study, arm, chosen),
      forest: () => forestData(study, arm, which),
      heat: () => heatData(study, arm, which, this.find(".heat").clientWidth),
      ranked: () => rankedData(study, arm),
      worst: () => ({ rows: study.worst }),
      tolls: () => tollData(study),
      tradeoff: () => study.tried,
      payers: () => study.tried,
      pairs: () => pairData(study, arm, this.find(".pairs").clientWidth),
    };
  }

  // The average against the worst classes stands on the right, unless that leaves the left side bare.
  balance() {
    const card = this.find(".worst")?.closest(".card"), [left, right] = this.node.querySelectorAll(".stack");
    if (!card || getComputedStyle(left).display === "contents") return;
    const drawn = card.offsetHeight + this.study.specs.worst.height - this.find(".worst").offsetHeight;
    if (left.offsetHeight + drawn < right.offsetHeight) left.append(card);
  }

  async draw(name) {
    if (name === "worst") this.balance(); // before it is drawn: it must know its width
    const node = this.find(`.chart.${name}`);
    if (!node || !this.study.specs[name]) return;
    const view = await draw(node, name, this.study.specs[name], this.data()[name]());
    this.views[name] = view;
    if (name === "curves") this.hover(node, view);
    if (["forest", "heat", "ranked", "tolls", "pairs"].includes(name)) {
      view.addEventListener("click", (_, item) => item?.datum?.id !== undefined && this.choose(item.datum.id));
    }
  }

  hover(node, view) {
    const tip = element("div", { className: "tip", hidden: true });
    node.append(tip);
    let waiting = false;
    node.addEventListener("pointermove", (event) => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        this.point(nearest(this.study, view, event, node), event, node, tip);
      });
    });
    node.addEventListener("pointerleave", () => {
      tip.hidden = true;
      this.preview(this.chosen);
    });
    node.addEventListener("click", (event) => {
      const found = nearest(this.study, view, event, node);
      if (found) this.choose(found.cls);
    });
  }

  point(found, event, node, tip) {
    tip.hidden = found === null;
    if (!found) return;
    const { study } = this;
    const effect = points(study.get("effect", found.arm, found.cls));
    const interval = range(study, found.arm, found.cls);
    tip.replaceChildren(named(study.label(found.cls)), element("br"), `${effect} points (${interval}) at ${study.armLabel(found.arm)}`);
    const box = node.getBoundingClientRect();
    const left = event.clientX - box.left, right = left > box.width / 2;
    tip.style.left = `${right ? left - tip.offsetWidth - 14 : left + 14}px`;
    tip.style.top = `${event.clientY - box.top + 12}px`;
    this.preview(found.cls);
  }

  refresh() {
    const data = this.data();
    for (const name of ["curves", "ranked", "forest", "heat", "pairs"]) {
      if (this.views[name]) refill(this.views[name], name, data[name]());
    }
  }
}

const TOO_OLD = "This browser is too old for the charts and the whole tables (those since 2023 can): the findings below are complete.";

// The charts' library, deflated to a third. The policy names its sum: no other text would run.
async function loadCharts() {
  const textContent = await unseal(document.getElementById("charts").textContent);
  document.head.append(element("script", { textContent }));
}

async function start() {
  if (!("DecompressionStream" in window)) {
    document.querySelector("header").append(element("p", { className: "note", textContent: TOO_OLD }));
    return;
  }
  const { studies } = await unseal(document.getElementById("data").textContent);
  const pages = studies.map((raw) => new StudyPage(document.getElementById(raw.id), new Study(raw)));
  const root = document.documentElement;
  await loadCharts();
  await pages[0].draw("curves");
  root.dataset.drawn = Math.round(performance.now()); // milliseconds until the first picture
  for (const page of pages) {
    for (const name of ["curves", "tradeoff", "payers", "ranked", "forest", "tolls", "worst", "heat", "pairs"]) {
      if (!page.views[name]) await page.draw(name);
    }
    await page.preserved?.draw();
    await page.examples?.ready;
  }
  root.dataset.done = Math.round(performance.now());
}

start();
