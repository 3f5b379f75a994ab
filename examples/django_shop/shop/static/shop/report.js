// A report's page: asks for its rows, and shows them as a chart and as a table.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 900;
const HEIGHT = 320;
const LEFT = 70;
const TOP = 10;
const BOTTOM = 40;
// More rows are no table that anybody reads; the links below it give all of them.
const TABLE_ROWS = 200;
const BARS = 40;
const COLOURS = [
  ...["#2357c5", "#e07a1f", "#2a9d5c", "#b23a8e", "#7a5cc9", "#c2412d"],
  ...["#1d8fa3", "#8a7a1b", "#5b6478", "#6fa8ff", "#f0b429", "#7bc96f"],
];

export async function show(address, columns) {
  const state = document.getElementById("state");
  const begun = performance.now();
  try {
    const answer = await fetch(address, { headers: { accept: "application/json" } });
    if (!answer.ok) {
      throw new Error(`the server answered ${answer.status}`);
    }
    const rows = await answer.json();
    const took = Math.round(performance.now() - begun);
    drawTable(document.getElementById("rows"), rows);
    if (columns && rows.length > 0) {
      drawChart(document.getElementById("chart"), rows, columns);
    }
    const asOf = answer.headers.get("x-as-of");
    const moment = asOf ? `, as PostgreSQL was at ${new Date(asOf).toISOString()}` : "";
    state.textContent = `${rows.length} rows in ${took} ms${moment}`;
    state.dataset.rows = rows.length;
  } catch (error) {
    state.textContent = `The report cannot be shown: ${error.message}`;
    state.classList.add("failed");
  }
}

function drawTable(table, rows) {
  const names = Object.keys(rows[0] ?? {});
  fill(table.createTHead().insertRow(), "th", names);
  const body = table.createTBody();
  for (const row of rows.slice(0, TABLE_ROWS)) {
    fill(body.insertRow(), "td", Object.values(row));
  }
}

function fill(row, kind, values) {
  for (const value of values) {
    const cell = document.createElement(kind);
    cell.textContent = value ?? "–";
    cell.classList.toggle("number", value !== null && value !== "" && Number.isFinite(Number(value)));
    row.append(cell);
  }
}

function drawChart(figure, rows, { kind, x, y, series }) {
  const shown = kind === "bar" ? rows.slice(0, BARS) : rows;
  // Bars stand side by side, whatever they are called; points of lines stand where they are called the same.
  const places = kind === "bar" ? shown.map((row) => row[x]) : [...new Set(shown.map((row) => row[x]))];
  const names = series ? [...new Set(shown.map((row) => row[series]))] : [y];
  const values = shown.map((row) => Number(row[y]));
  const largest = values.reduce((one, other) => Math.max(one, other), 0);
  const least = values.reduce((one, other) => Math.min(one, other), 0);
  const step = (WIDTH - LEFT) / Math.max(places.length, 1);
  const across = (index) => LEFT + (index + 0.5) * step;
  const acrossOf = new Map(places.map((place, index) => [place, across(index)]));
  const scale = (HEIGHT - BOTTOM - TOP) / (largest - least || 1);
  const down = (value) => TOP + (largest - Number(value)) * scale;

  const chart = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${y} by ${x}` });
  for (const value of least < 0 ? [least, 0, largest] : [0, largest / 2, largest]) {
    chart.append(element("line", { class: "axis", x1: LEFT, x2: WIDTH, y1: down(value), y2: down(value) }));
    chart.append(text(short(value), { x: LEFT - 8, y: down(value) + 4, "text-anchor": "end" }));
  }
  const every = Math.ceil(places.length / 8);
  places.forEach((place, index) => {
    if (index % every === 0) {
      const label = String(place ?? "–").slice(0, 10);
      chart.append(text(label, { x: across(index), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }));
    }
  });
  names.forEach((name, index) => {
    const colour = COLOURS[index % COLOURS.length];
    if (kind === "line") {
      const own = series ? shown.filter((row) => row[series] === name) : shown;
      const points = own.map((row) => `${acrossOf.get(row[x])},${down(row[y])}`).join(" ");
      chart.append(element("polyline", { points, fill: "none", stroke: colour, "stroke-width": 2, "data-series": name }));
      return;
    }
    shown.forEach((row, place) => {
      const value = Number(row[y]);
      const width = step * 0.7;
      const height = Math.abs(value) * scale;
      const bar = { x: across(place) - width / 2, y: down(Math.max(value, 0)), width, height, fill: colour };
      const drawn = element("rect", { ...bar, "data-value": row[y] });
      drawn.append(element("title", {}, `${row[x]}: ${row[y]}`));
      chart.append(drawn);
    });
  });
  figure.replaceChildren(chart);
  if (series) {
    figure.append(legend(names));
  }
}

function legend(names) {
  const list = document.createElement("ul");
  list.className = "legend";
  names.forEach((name, index) => {
    const item = document.createElement("li");
    item.style.setProperty("--colour", COLOURS[index % COLOURS.length]);
    item.textContent = String(name).slice(0, 20);
    list.append(item);
  });
  return list;
}

function element(name, attributes, content) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  if (content !== undefined) {
    made.textContent = content;
  }
  return made;
}

const text = (content, attributes) => element("text", { class: "label", ...attributes }, content);

const short = (value) => Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
