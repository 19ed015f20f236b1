// Charts: Vega-Lite drawings as SVG. The style sheet colours them, so that light, dark and print need no redrawing.
const MANY = 400; // lines that the dose curves draw at most
const ROWS = 40; // rows that the forest plot and the heat map draw at most

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
  tooltip: () => {},
  loader: NO_REQUESTS,
};

async function draw(node, spec, datasets) {
  const result = await vegaEmbed(node, { ...spec, datasets }, OPTIONS);
  return result.view;
}

function refill(view, datasets) {
  for (const [name, rows] of Object.entries(datasets)) view.data(name, rows);
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
  return study.dosed
    .map((place) => ({ id: cls, name: study.short(cls), status, dose: place.dose, ...interval(study, place.arm, cls) }))
    .filter((row) => row.effect !== null);
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
  const few = order.length <= MANY ? order : order.slice(0, MANY / 2).concat(order.slice(-MANY / 2));
  const rank = { [CANNOT_TELL]: 0, helped: 1, harmed: 2 };
  return few.sort((a, b) => rank[study.status(arm, a)] - rank[study.status(arm, b)]);
}

function highest(rows) {
  return rows.reduce((best, row) => (best === null || row.effect > best.effect ? row : best), null);
}

function curveData(study, arm, chosen) {
  const average = averageRows(study);
  const dose = study.arms[arm].dose;
  return {
    lines: drawnClasses(study, arm).flatMap((cls) => curveRows(study, arm, cls)),
    average,
    here: dose === null ? [] : [{ dose }],
    ...chosenData(study, arm, chosen),
  };
}

function chosenData(study, arm, cls) {
  const average = averageRows(study);
  const rows = cls === null ? [] : curveRows(study, arm, cls);
  const marks = [highest(average), highest(rows)].filter((row) => row !== null);
  const last = average[average.length - 1];
  const labels = last ? [{ ...last, name: "average" }] : [];
  if (rows.length) labels.push(rows[rows.length - 1]);
  return { chosen: rows, marks, labels };
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
  return {
    average: effect === null ? [] : [{ effect, low, high }],
    rows: shownRows(study, arm, which).map((cls) => ({
      id: cls,
      name: study.short(cls),
      status: study.status(arm, cls),
      shrunk: inPoints(study.get("shrunk", arm, cls)),
      ...interval(study, arm, cls),
    })),
  };
}

function heatData(study, arm, which) {
  const rows = [];
  for (const cls of shownRows(study, arm, which)) {
    study.arms.forEach((about, a) => {
      const effect = study.get("effect", a, cls), status = study.status(a, cls);
      const mark = status === CANNOT_TELL ? "" : MARK[status] + " ";
      const text = Number.isNaN(effect) ? "?" : mark + points(effect);
      rows.push({ id: cls, arm_id: a, name: study.short(cls), arm: about.shown, effect: inPoints(effect), status, text });
    });
  }
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
