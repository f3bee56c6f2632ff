"use strict";
(function () {
  var figures = JSON.parse(document.getElementById("figures").textContent);
  var narrow = window.matchMedia("(max-width: 600px)");
  var dark = window.matchMedia("(prefers-color-scheme: dark)");

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // Text, lines and paper follow the page; data colours are the figure's own, but for "ink".
  function themed(value) {
    if (value === "ink") { return colour("--ink"); }
    if (value === "soft") { return colour("--soft"); }
    if (Array.isArray(value)) { return value.map(themed); }
    if (value && typeof value === "object") {
      var copy = {};
      Object.keys(value).forEach(function (key) { copy[key] = themed(value[key]); });
      return copy;
    }
    return value;
  }

  function layoutOf(figure) {
    var layout = themed(figure.layout || {});
    layout.height = figure.height;
    layout.xaxis = layout.xaxis || {};
    layout.yaxis = layout.yaxis || {};
    if (layout.grid && narrow.matches) {  // panels below each other where it is narrow
      layout.height = figure.height * layout.grid.columns;
      layout.grid = { rows: layout.grid.columns, columns: 1, pattern: "independent" };
    }
    if (layout.title) { layout.title.font = { size: narrow.matches ? 13 : 16 }; }
    layout.autosize = true;
    layout.paper_bgcolor = "rgba(0,0,0,0)";
    layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.font = { color: colour("--ink"), size: narrow.matches ? 11 : 13 };
    layout.margin = { l: narrow.matches ? 44 : 60, r: 12, t: 36, b: 52 };
    layout.hoverlabel = { bgcolor: colour("--box"), font: { color: colour("--ink") } };
    layout.legend = Object.assign(
      { orientation: "h", yanchor: "top", y: -0.2, x: 0 }, layout.legend || {});
    Object.keys(layout).forEach(function (key) {
      if (/^[xy]axis/.test(key)) {
        layout[key] = Object.assign({
          gridcolor: colour("--line"), zerolinecolor: colour("--soft"),
          linecolor: colour("--line"), automargin: true
        }, layout[key]);
      }
    });
    return layout;
  }

  function drawAll() {
    figures.forEach(function (figure, number) {
      Plotly.react("plot-" + number, themed(figure.data), layoutOf(figure), {
        responsive: true, displaylogo: false, displayModeBar: narrow.matches ? false : "hover",
        modeBarButtonsToRemove: ["lasso2d", "select2d"]
      });
    });
  }

  if (figures.length) {
    drawAll();
    [narrow, dark].forEach(function (query) { query.addEventListener("change", drawAll); });
  }
  document.documentElement.setAttribute("data-drawn", String(figures.length));
})();
