// The table of all classes: search, sort, filter, fifty rows at a time, so that ten thousand classes stay usable.
const PAGE_SIZE = 50;

// The columns; `small` ones are left out on a narrow screen, `needs` is a part that a study may not have.
const COLUMNS = [
  { key: "name", title: "", text: true }, // what effects are told of: "class" or "group"
  { key: "status", title: "finding", text: true },
  { key: "effect", title: "change, points" },
  { key: "relative", title: "against the average", small: true },
  { key: "toll", title: "toll", small: true, needs: "tolls" },
  { key: "before", title: "before, %", small: true },
  { key: "q", title: "q", small: true },
  { key: "n", title: "images", small: true },
  { key: "words", title: "in words", text: true, plain: true },
];

class ClassTable {
  constructor(node, study, choose) {
    Object.assign(this, { node, study, choose, arm: study.first, chosen: null });
    const there = COLUMNS.filter(({ needs }) => !needs || study[needs]);
    this.columns = there.map((column) => (column.key === "name" ? { ...column, title: study.unit } : column));
    Object.assign(this, { sort: "effect", down: false, only: "all", words: "", page: 0 });
    this.build();
  }

  build() {
    const id = this.study.id;
    this.search = element("input", { type: "search", placeholder: "search", ariaLabel: "Search the table", spellcheck: false });
    this.search.addEventListener("input", () => this.change({ words: this.search.value }));
    this.filters = element("fieldset", {}, element("legend", { className: "visually-hidden", textContent: "Show" }));
    for (const kind of ["all", "harmed", "helped", "unchanged", CANNOT_TELL]) {
      const radio = element("input", { type: "radio", name: `${id}-only`, value: kind, checked: kind === "all" });
      radio.addEventListener("change", () => this.change({ only: kind }));
      const mark = kind === "all" ? "" : MARK[kind] + " ";
      this.filters.append(element("label", {}, radio, element("span", { textContent: mark + kind })));
    }
    this.body = element("tbody");
    this.info = element("p", { ariaLive: "polite" });
    this.info.setAttribute("role", "status");
    this.back = element("button", { type: "button", textContent: "previous" });
    this.next = element("button", { type: "button", textContent: "next" });
    this.back.addEventListener("click", () => this.turn(-1));
    this.next.addEventListener("click", () => this.turn(1));
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) this.choose(Number(row.dataset.cls));
    });
    const table = element("table", {}, this.head(), this.body);
    this.node.append(
      element("h3", { textContent: `All ${this.study.units}` }),
      element("div", { className: "tools" }, this.search, this.filters),
      element("div", { className: "scroll" }, table),
      element("div", { className: "tools" }, this.back, this.next, this.info),
    );
  }

  head() {
    this.heads = {};
    const row = element("tr");
    for (const { key, title, text, plain, small } of this.columns) {
      const cell = element("th", { scope: "col", className: text ? "words" : small ? "number" : "" });
      if (plain) cell.textContent = title;
      else {
        const button = element("button", { type: "button", textContent: title });
        button.addEventListener("click", () => this.sortBy(key));
        cell.append(button);
      }
      this.heads[key] = cell;
      row.append(cell);
    }
    return element("thead", {}, row);
  }

  sortBy(key) {
    this.change({ sort: key, down: this.sort === key ? !this.down : false });
  }

  change(state) {
    Object.assign(this, state, { page: 0 });
    this.render();
  }

  turn(step) {
    this.page += step;
    this.render();
  }

  value(cls) {
    const { study, arm, sort } = this;
    if (sort === "before") return study.before[cls];
    if (sort === "n") return study.n[cls];
    if (sort === "toll") return study.tolls.toll[cls];
    return study.get(sort, arm, cls);
  }

  // Classes that match, in the order wanted; what cannot be told comes last either way.
  rows() {
    const { study, arm, only, sort } = this;
    const wanted = this.words.trim().toLowerCase();
    const rows = [];
    for (let c = 0; c < study.size; c++) {
      if (only !== "all" && study.status(arm, c) !== only) continue;
      if (!wanted || study.folded[c].includes(wanted)) rows.push(c);
    }
    const turn = this.down ? -1 : 1;
    if (sort === "name" || sort === "status") {
      const key = sort === "name" ? (c) => study.folded[c] : (c) => study.status(arm, c);
      return rows.sort((a, b) => turn * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) || a - b);
    }
    const values = Float64Array.from({ length: study.size }, (_, c) => this.value(c));
    return rows.sort((a, b) => {
      const gap = Number.isNaN(values[a]) - Number.isNaN(values[b]);
      return gap || turn * (values[a] - values[b]) || a - b;
    });
  }

  render() {
    const rows = this.rows();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE_SIZE));
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    const first = this.page * PAGE_SIZE;
    const shown = rows.slice(first, first + PAGE_SIZE);
    this.body.replaceChildren(...shown.map((cls) => this.row(cls)));
    for (const { key, plain } of this.columns) {
      if (!plain) this.heads[key].ariaSort = key === this.sort ? (this.down ? "descending" : "ascending") : "none";
    }
    this.back.disabled = this.page === 0;
    this.next.disabled = this.page === pages - 1;
    this.info.textContent = rows.length
      ? `${count(first + 1)} to ${count(first + shown.length)} of ${count(rows.length)} ${this.study.units}`
      : `no ${this.study.unit} matches`;
  }

  // The rows stay, and with them the reader's focus.
  mark(cls) {
    this.chosen = cls;
    for (const row of this.body.rows) row.className = Number(row.dataset.cls) === cls ? "chosen" : "";
  }

  row(cls) {
    const { study, arm } = this;
    const status = study.status(arm, cls);
    const name = element("button", { type: "button", title: study.classes[cls] }, named(study.classes[cls]));
    const cells = [
      element("td", { className: `status status-${PLAIN(status)}`, textContent: `${MARK[status]} ${status}` }),
      estimated(points(study.get("effect", arm, cls)), range(study, arm, cls)),
      estimated(points(study.get("relative", arm, cls)), range(study, arm, cls, "relative_")),
      ...(study.tolls ? [this.toll(cls)] : []),
      cell(points(study.before[cls], false), "number"),
      cell(chance(study.get("q", arm, cls)), "number"),
      cell(count(study.n[cls]), "number"),
      cell(sentence(study, arm, cls), "words"),
    ];
    const row = element("tr", { className: cls === this.chosen ? "chosen" : "" });
    row.append(element("th", { scope: "row" }, name), ...cells);
    row.dataset.cls = cls;
    return row;
  }

  toll(cls) {
    const { toll, low, high } = this.study.tolls;
    return estimated(points(toll[cls], false), between(low[cls], high[cls]));
  }
}

function estimated(value, interval) {
  if (value === CANNOT_TELL) return cell(value, "number");
  return element("td", { className: "number" }, element("b", { textContent: value }), ` (${interval})`);
}

function cell(textContent, className) {
  return element("td", { textContent, className });
}
