// Charts: Vega-Lite drawings as SVG. The style sheet colours them, so that light, dark and print need no redrawing.
const MANY = 1200; // lines that the dose curves draw at most
const ROWS = 40; // rows that the forest plot and the heat map draw at most
const BARS = 1000; // bars of the ranks, at most
const MARKED = 40; // classes whose own highest points are marked, at most
const ROOMY = 46; // pixels of a cell that has room for its number

const NO_REQUESTS = {
  load: () => Promise.reject(new Error("this page asks nothing of the network")),
  sanitize: () => Promise.reject(new Error("this page has no links in its charts")),
};

const OPTIONS = {
  mode: "vega-lite",
  ast: true, // expressions are interpreted: the policy forbids eval
  actions: false,
  defaultStyle: false,
  renderer: "svg",
  logLevel: 1, // errors only: a source without rows is no fault
  tooltip: () => {},
  loader: NO_REQUESTS,
};

// A chart of one line for each class grows with its classes; the others have the height of their drawing.
const STEP = { forest: 19, heat: 21, tolls: 19, pairs: 24 };
const FEW = 16; // classes that may stand further apart

function heightOf(name, datasets) {
  const count = Math.max(1, new Set(datasets.rows.map((row) => row.name)).size);
  return count * (count <= FEW ? 30 : STEP[name]);
}

async function draw(node, name, spec, datasets) {
  const height = name in STEP ? heightOf(name, datasets) : spec.height;
  const result = await vegaEmbed(node, { ...spec, height, datasets: { ...spec.datasets, ...datasets } }, OPTIONS);
  return result.view;
}

function refill(view, name, datasets) {
  for (const [source, rows] of Object.entries(datasets)) view.data(source, rows);
  if (name in STEP) view.height(heightOf(name, datasets));
  return view.resize().runAsync();
}

function inPoints(value) {
  return Number.isNaN(value) ? null : Math.round(1e5 * value) / 1e3;
}

function interval(study, arm, cls) {
  if (arm < 0) return { effect: 0, low: 0, high: 0 };
  return {
    effect: inPoints(study.get("effect", arm, cls)),
    low: inPoints(study.get("low", arm, cls)),
    high: inPoints(study.get("high", arm, cls)),
  };
}

function curveRows(study, arm, cls) {
  const status = study.status(arm, cls);
  const rows = study.dosed
    .map(({ arm: at, dose }) => ({
      id: cls,
      name: study.label(cls),
      status,
      at: at < 0 ? CANNOT_TELL : study.status(at, cls),
      dose,
      ...interval(study, at, cls),
    }))
    .filter((row) => row.effect !== null);
  return rows.length > 1 ? rows : []; // the baseline alone is no evidence
}

function averageRows(study) {
  const rows = study.dosed.map(({ arm, dose }) => {
    const [effect, low, high] = arm < 0 ? [0, 0, 0] : study.arms[arm].overall;
    return { dose, effect, low, high };
  });
  return rows.filter((row) => row.effect !== null);
}

// The classes that the curves draw: all, or the lowest and the highest of very many.
function drawnClasses(study, arm) {
  const order = study.order(arm);
  return order.length <= MANY ? order : order.slice(0, MANY / 2).concat(order.slice(-MANY / 2));
}

function highest(rows) {
  return rows.reduce((best, row) => (best === null || row.effect > best.effect ? row : best), null);
}

function curveData(study, arm, chosen) {
  const dose = study.arms[arm].dose;
  const lines = drawnClasses(study, arm).flatMap((cls) => curveRows(study, arm, cls));
  const sources = Object.fromEntries(STATUS.map((status) => [status, lines.filter((row) => row.status === status)]));
  return {
    ...sources,
    harms: lines.filter((row) => row.at === "harmed"),
    average: averageRows(study),
    here: dose === null ? [] : [{ dose }],
    bests: study.size <= MARKED ? study.classes.map((_, cls) => highest(curveRows(study, arm, cls))).filter((row) => row) : [],
    ...chosenData(study, arm, chosen),
  };
}

function chosenData(study, arm, cls) {
  const average = averageRows(study), rows = curveRows(study, arm, cls);
  const fitted = study.curves ? smoothRows(study, cls) : [];
  const smooth = fitted.length ? fitted : rows;
  const ends = [{ name: "average", rows: average }, { name: study.label(cls), rows: smooth }];
  const labels = ends.filter((end) => end.rows.length).map((end) => ({ ...end.rows.at(-1), name: end.name }));
  const marked = fitted.length ? [average] : [average, rows];
  return {
    chosen: rows,
    smooth,
    turns: fitted.length ? turns(study, cls, fitted) : [],
    marks: marked.map(highest).filter((row) => row !== null),
    labels: apart(study, labels),
  };
}

// The smooth curve of a class, as changes from its own value at the baseline.
function smoothRows(study, cls) {
  const { dose, lines } = study.curves;
  const at = (name, k) => inPoints(lines[name][k * study.size + cls]);
  const row = (x, k) => ({ dose: x, effect: at("change", k), low: at("change_low", k), high: at("change_high", k) });
  const rows = dose.map(row);
  return rows.filter((row) => row.effect !== null);
}

// Where a smooth curve peaks, and where it has lost delta, each with its interval; a loss that is never reached is not drawn.
function turns(study, cls, curve) {
  const { marks } = study.curves, last = curve.at(-1).dose;
  return ["peak", "lost"].flatMap((kind) => {
    const at = marks[kind][cls];
    if (!Number.isFinite(at)) return [];
    const near = curve.reduce((a, b) => (Math.abs(b.dose - at) < Math.abs(a.dose - at) ? b : a));
    return [{ kind, dose: at, effect: near.effect, low: marks[`${kind}_low`][cls], high: Math.min(marks[`${kind}_high`][cls], last) }];
  });
}

// Two labels at nearly the same height are moved apart by a share of the chart's range.
function apart(study, labels) {
  const gap = 0.06 * study.range;
  for (const label of labels) label.place = label.effect;
  if (labels.length === 2 && Math.abs(labels[0].place - labels[1].place) < gap) {
    const middle = (labels[0].place + labels[1].place) / 2;
    const upper = labels[0].place >= labels[1].place ? 0 : 1;
    labels[upper].place = middle + gap / 2;
    labels[1 - upper].place = middle - gap / 2;
  }
  return labels;
}

function rankedData(study, arm) {
  const order = study.order(arm).filter((cls) => !Number.isNaN(study.get("shrunk", arm, cls)));
  const step = Math.max(1, Math.ceil(order.length / BARS));
  const [effect, low, high] = study.arms[arm].overall;
  const rows = [];
  for (let rank = 0; rank < order.length; rank += step) {
    const cls = order[rank];
    rows.push({ id: cls, rank, end: rank + step, shrunk: inPoints(study.get("shrunk", arm, cls)), status: study.status(arm, cls) });
  }
  return { rows, average: effect === null ? [] : [{ effect, low, high }] };
}

function shownRows(study, arm, which) {
  const order = study.order(arm);
  if (order.length <= ROWS) return order;
  const known = order.filter((cls) => !Number.isNaN(study.get("effect", arm, cls)));
  if (which === "lowest") return known.slice(0, ROWS);
  if (which === "highest") return known.slice(-ROWS);
  return known.length <= ROWS ? known : known.slice(0, ROWS / 2).concat(known.slice(-ROWS / 2));
}

function forestData(study, arm, which) {
  const [effect, low, high] = study.arms[arm].overall;
  const rows = shownRows(study, arm, which).map((cls) => ({
    id: cls,
    name: study.label(cls),
    status: study.status(arm, cls),
    shrunk: inPoints(study.get("shrunk", arm, cls)),
    found: inPoints(study.get("found", arm, cls)),
    ...interval(study, arm, cls),
  }));
  const longest = Math.max(...rows.flatMap((row) => [Math.abs(row.low), Math.abs(row.high)]));
  for (const row of rows) {
    if (row.found !== null) row.found = Math.min(row.found, longest);
    row.missed = row.found === null ? null : -row.found;
  }
  return { average: effect === null ? [] : [{ effect, low, high }], rows };
}

function heatData(study, arm, which, width) {
  const rows = [];
  const roomy = (width - 130) / study.arms.length >= ROOMY;
  for (const cls of shownRows(study, arm, which)) {
    study.arms.forEach((about, a) => {
      const effect = study.get("effect", a, cls), status = study.status(a, cls);
      const mark = status === CANNOT_TELL ? "" : MARK[status] + " ";
      const text = Number.isNaN(effect) ? "?" : roomy ? mark + points(effect) : mark.trim();
      rows.push({ id: cls, arm_id: a, name: study.label(cls), arm: about.shown, effect: inPoints(effect), status, text });
    });
  }
  return { rows };
}

// The classes with the largest tolls, largest first.
function tollOrder(study) {
  const { toll } = study.tolls;
  return Array.from(toll.keys()).filter((cls) => !Number.isNaN(toll[cls])).sort((a, b) => toll[b] - toll[a] || a - b);
}

function tollData(study) {
  const { tolls } = study;
  const at = (name, cls) => inPoints(tolls[name][cls]);
  const rows = tollOrder(study).slice(0, ROWS).map((cls) => ({
    id: cls,
    name: study.label(cls),
    status: tolls.low[cls] > 0 ? "pays" : CANNOT_TELL,
    toll: at("toll", cls),
    low: at("low", cls),
    high: at("high", cls),
    naive: at("naive", cls),
  }));
  return { rows };
}

// The class whose curve is nearest to the pointer, or null.
function nearest(study, view, event, node) {
  const svg = node.querySelector("svg");
  if (!svg) return null;
  const box = svg.getBoundingClientRect(), [left, top] = view.origin();
  const padding = view.padding();
  const px = event.clientX - box.left - left - (padding.left ?? 0);
  const py = event.clientY - box.top - top - (padding.top ?? 0);
  const x = view.scale("x"), y = view.scale("y");
  const places = study.dosed.filter((place) => place.arm >= 0);
  if (!places.length || px < -10 || px > view.width() + 10) return null;
  const place = places.reduce((a, b) => (Math.abs(x(a.dose) - px) <= Math.abs(x(b.dose) - px) ? a : b));
  let best = null, least = 28;
  for (let cls = 0; cls < study.size; cls++) {
    const away = Math.abs(y(100 * study.get("effect", place.arm, cls)) - py);
    if (away < least) [best, least] = [{ cls, arm: place.arm }, away];
  }
  return best;
}
