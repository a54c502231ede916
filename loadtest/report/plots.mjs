// Runs in the report's page, behind uPlot. What to draw was decided in charts.ts; here is only how it is drawn.
{
  const HEIGHT = 190;
  const root = document.documentElement;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const css = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
  const plots = [];

  for (const chart of charts) {
    const place = document.getElementById(chart.id);
    if (place !== null) plots.push({ place, plot: drawn(chart, place) });
  }

  function drawn(chart, place) {
    const lines = chart.lines.map((line) => ({
      label: line.label,
      stroke: () => css(line.ink),
      width: chart.bars ? 0 : line.ink === "quiet" || line.ink === "p50" ? 1.25 : 2,
      ...(line.dashed && { dash: [5, 4] }),
      ...((chart.bars || line.filled) && { fill: () => css(line.ink) + (chart.bars ? "" : "1f") }),
      ...(chart.bars && { paths: uPlot.paths.bars({ size: [0.9, 24], gap: 0 }) }),
      points: { show: hasGaps(chart, line), size: chart.across === "players" ? 7 : 4, fill: () => css(line.ink) },
      value: (_, value, __, at) => shown(at === null ? null : (line.own?.[at] ?? value), chart.unit),
    }));
    const axis = { stroke: () => css("faint"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: () => css("rule"), width: 1 };
    const wide = (_, texts) => 14 + 6.5 * Math.max(2, ...(texts ?? []).map((text) => text.length));
    const options = {
      width: place.clientWidth,
      height: HEIGHT,
      padding: [14, 10, 0, 0],
      scales: { x: { time: false, range: across(chart) }, y: { range: (_, low, high) => range(chart, low, high) } },
      series: [{ label: chart.across === "time" ? "at" : "players", value: (_, at) => moment(chart, at) }, ...lines],
      axes: [
        {
          ...axis,
          grid: { show: false },
          values: (_, all) => all.map((at) => moment(chart, at)),
          space: 60,
          size: 30,
          gap: 8,
        },
        { ...axis, grid, values: (_, all) => all.map((value) => shown(value, chart.unit)), size: wide, space: 34 },
      ],
      legend: { markers: { stroke: (_, at) => ink(chart, at), fill: (_, at) => ink(chart, at), width: 0 } },
      cursor: {
        points: { size: 7 },
        drag: { x: chart.across === "time", y: false },
        ...(chart.across === "time" && { sync: { key: "run" } }),
      },
      hooks: { draw: [(plot) => drawMarks(plot, chart)] },
    };
    return new uPlot(options, [chart.x, ...chart.lines.map(({ values }) => values)], place);
  }

  function ink(chart, at) {
    return at === 0 ? "transparent" : `var(--${chart.lines[at - 1].ink})`;
  }

  /** A point that stands alone is no line: without these nobody would see it. */
  function hasGaps(chart, line) {
    if (chart.bars || line.ink === "quiet") return false;
    return chart.across === "players" || chart.x.length === 1 || (chart.sparse && line.values.includes(null));
  }

  function across(chart) {
    return (_, low, high) => {
      if (low === null) return [0, 1];
      const margin = chart.across === "players" ? (high - low || high) * 0.06 : 0;
      return low === high ? [Math.max(0, low - 1), high + 1] : [Math.max(0, low - margin), high + margin];
    };
  }

  /** From zero, because a cut axis makes small things look big. A limit far above what was measured would flatten it. */
  function range(chart, low, high) {
    const top = low === null || high <= 0 ? 0 : high;
    const within = chart.limit !== null && chart.limit.value <= 3 * top;
    const most = Math.max(top, within ? chart.limit.value : 0);
    return [0, most === 0 ? (chart.limit?.value ?? 1) * 1.2 : most * 1.12];
  }

  function drawMarks(plot, chart) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([6 * ratio, 4 * ratio]);
    if (chart.limit !== null) {
      const isOnScale = chart.limit.value <= plot.scales.y.max;
      const y = isOnScale ? plot.valToPos(chart.limit.value, "y", true) : bbox.top;
      ctx.strokeStyle = ctx.fillStyle = css("bad");
      if (isOnScale) line(ctx, bbox.left, y, bbox.left + bbox.width, y);
      const text = isOnScale ? chart.limit.label : `${chart.limit.label}, far above ↑`;
      ctx.textBaseline = isOnScale && y - bbox.top > 12 * ratio ? "bottom" : "top";
      const isLeft = chart.across === "players";
      ctx.textAlign = isLeft ? "left" : "right";
      const x = isLeft ? bbox.left + 4 * ratio : bbox.left + bbox.width - 2 * ratio;
      written(ctx, text, x, y + (ctx.textBaseline === "top" ? 3 : -2) * ratio);
    }
    if (chart.mark !== undefined) {
      const x = plot.valToPos(chart.mark.at, "x", true);
      ctx.strokeStyle = ctx.fillStyle = css("good-ink");
      line(ctx, x, bbox.top, x, bbox.top + bbox.height);
      ctx.textBaseline = "bottom";
      ctx.textAlign = x > bbox.left + bbox.width / 2 ? "right" : "left";
      const aside = ctx.textAlign === "right" ? -5 : 5;
      written(ctx, chart.mark.label, x + aside * ratio, bbox.top + bbox.height - 6 * ratio);
    }
    ctx.restore();
  }

  /** With a rim of the paper's colour, so that it can be read over lines. */
  function written(ctx, text, x, y) {
    ctx.save();
    ctx.setLineDash([]);
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.lineJoin = "round";
    ctx.strokeStyle = css("card");
    ctx.strokeText(text, x, y);
    ctx.fillText(text, x, y);
    ctx.restore();
  }

  function line(ctx, x1, y1, x2, y2) {
    ctx.beginPath();
    ctx.moveTo(x1, y1);
    ctx.lineTo(x2, y2);
    ctx.stroke();
  }

  function moment(chart, at) {
    if (at === null || at === undefined) return "";
    if (chart.across === "players") return digits.format(at);
    return `${Math.floor(at / 60)}:${String(Math.floor(at % 60)).padStart(2, "0")}`;
  }

  function shown(value, unit) {
    if (value === null || value === undefined) return "";
    if (unit === "B/s" && value >= 1000) return `${digits.format(value / 1000)} KB/s`;
    if (unit === "ms" && value >= 10_000) return `${digits.format(value / 1000)} s`;
    return `${digits.format(value)}${unit === "" || unit === "cores" || unit === "MiB" ? "" : ` ${unit}`}`;
  }

  function refit() {
    for (const { place, plot } of plots) {
      if (place.clientWidth !== plot.width && place.clientWidth > 0)
        plot.setSize({ width: place.clientWidth, height: HEIGHT });
      else plot.redraw(false, true);
    }
  }

  // On paper everything is light and two plots stand side by side, whatever the screen shows.
  function onPaper(isPaper) {
    root.classList.toggle("paper", isPaper);
    refit();
  }
  const sizes = new ResizeObserver(refit);
  for (const { place } of plots) sizes.observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refit);
  addEventListener("beforeprint", () => onPaper(true));
  addEventListener("afterprint", () => onPaper(false));
}
