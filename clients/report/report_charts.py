"""Charts of a result as plain Plotly figures: {"id", "title", "note", "choices": [{"name", "data", "layout"}]}.

Only what is in the file; every chart has its spread. Colours are Okabe and Ito's, which colour-blind people tell apart; symbols
and dashes differ as well. Plotly takes markup in texts: those of a file are escaped."""
import html

import numpy

import report_result
import report_text

COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999"]
SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x", "star", "cross"]
DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]
OWNERS = ["self", "order", "peer", "contention"]
OF_A_STAGE = ("connect_instructions", "connect_system_calls")


def chart(name, title, note, choices):
    return {"id": name, "title": title, "note": note, "choices": choices}


def choice(name, data, yaxis, xaxis=None, **layout):
    return {"name": name, "data": data, "layout": {"yaxis": yaxis, "xaxis": xaxis or {}, **layout}}


def axis(title, log=False):
    return {"title": {"text": title}, "exponentformat": "SI", **({"type": "log"} if log else {})}


def seconds_axis(values, title=""):
    """Of logarithms, with ticks that bear their unit: of 1, 2 and 5, over more than three decades of 1 alone."""
    positive = [value for value in values if value > 0] or [1]
    firsts = (1, 2, 5) if max(positive) < 1000 * min(positive) else (1,)
    ticks = [first * 10.0**power for power in range(-9, 4) for first in firsts]
    return {"title": {"text": title}, "type": "log", "tickmode": "array", "tickvals": ticks, "ticktext": [report_text.show(t, "s") for t in ticks]}


def pvs_axis(numbers):
    return {"title": {"text": "PVs"}, "type": "log", "tickmode": "array", "tickvals": numbers, "ticktext": [f"{n:,}" for n in numbers]}


def values_of(traces):
    return [value for trace in traces for value in trace["y"]]


def style(i):
    return {"color": COLOURS[i % len(COLOURS)], "symbol": SYMBOLS[i % len(SYMBOLS)], "dash": DASHES[i % len(DASHES)]}


def order(result):
    """Place of each client, which gives its colour in every chart."""
    return {client: i for i, client in enumerate(dict.fromkeys(cell["client"] for cell in result["cells"]))}


def wide(colour, opacity=0.2):
    return f"rgba({int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:], 16)},{opacity})"


# ---- distributions ----

def box(name, place, points):
    """points: [(where it stands, value)]."""
    look = style(place)
    return {"type": "box", "name": html.escape(name), "x": [html.escape(x) for x, _ in points], "y": [y for _, y in points],
            "boxpoints": "all", "jitter": 0.4, "pointpos": 0, "line": {"color": look["color"]},
            "fillcolor": wide(look["color"]), "marker": {"symbol": look["symbol"], "color": look["color"], "size": 6}}


def boxes(places, of, points):
    """A box a client that is in `of`, cells or runs; points: what one of them has."""
    mine = {client: [point for one in of if one["client"] == client for point in points(one)] for client in places}
    return [box(client, place, mine[client]) for client, place in places.items() if mine[client]]


def interest(cell):
    """Many PVs before few, one by one after together, monitors as they are."""
    return cell["step"].get("order") == "sequential", -cell["step"].get("pvs", 0)


def distributions(result):
    """Of each figure; of what tools count by stage see by_stage()."""
    places, charts = order(result), []
    for figure, (title, unit) in report_result.FIGURES.items():
        choices = []
        measured = sorted((c for c in result["cells"] if c["figures"].get(figure, {}).get("n") and figure not in OF_A_STAGE), key=interest)
        for step, by in dict.fromkeys((c["step"]["name"], report_result.counted_by(c, figure)) for c in measured):
            cells = [c for c in measured if (c["step"]["name"], report_result.counted_by(c, figure)) == (step, by)]
            drawn = boxes(places, cells, lambda c: [(c["server"], v) for v in report_result.samples(c["figures"][figure])])
            across = seconds_axis(values_of(drawn)) if unit == "s" else axis(unit)
            choices.append(choice(step + (f", by {by}" if by else ""), drawn, across, boxmode="group"))
        if choices:
            charts.append(chart(figure, title[0].upper() + title[1:],
                                "Box: quartiles and median; each point is a fresh process. Warm-ups and bad runs are left out.",
                                choices))
    return charts


# ---- what tools count ----

def by_stage(result):
    """Instructions and system calls of each stage, of the clients that tell stages."""
    charts, stages = [], report_result.STAGES
    for count, by in report_result.COUNTED.items():
        runs = [r for r in result.get("counting", []) if (r["outcome"], r["count"], r["by"]) == ("good", count, by) and r["stages"]]
        name, choices = count.replace("_", " "), []
        for step, server in dict.fromkeys((r["step"], r["server"]) for r in runs):
            here = [r for r in runs if (r["step"], r["server"]) == (step, server)]
            drawn = boxes(order(result), here, lambda r: [(stage, r["stages"][stage]) for stage in stages if stage in r["stages"]])
            choices.append(choice(f"{step}, {server}", drawn, axis(f"{name}, by {by}", True),
                                  {"type": "category", "categoryorder": "array", "categoryarray": stages}, boxmode="group"))
        if choices:
            note = "Each point is a run of its own under the tool. start: until set-up begins, with the interpreter."
            charts.append(chart(f"stages-{count}", f"{name.capitalize()} by stage", note, choices))
    return charts


# ---- time against the number of PVs ----

def slope(result, server, client):
    """The file's line of connect over N, or None: too few runs, or a file from before lines were kept."""
    mine = [s for s in result.get("slopes", []) if (s["server"], s["client"], s["order"]) == (server, client, "together")]
    return mine[0] if mine and None not in (mine[0]["start_s"], mine[0]["s_per_pv"]) else None


def slope_text(line):
    between = "" if None in (line["low"], line["high"]) else f" [{line['low'] * 1e6:.3g}, {line['high'] * 1e6:.3g}]"
    return f": {line['s_per_pv'] * 1e6:.3g}{between} µs a PV"


def against_traces(client, place, points, line):
    look, ns = style(place), sorted(points)
    middles = [float(numpy.median(points[n])) for n in ns]
    name = html.escape(client) + ("" if line is None else slope_text(line))
    traces = [{"type": "scatter", "mode": "markers+lines", "name": name, "legendgroup": name, "x": ns, "y": middles,
               "line": {"color": look["color"], "dash": look["dash"]}, "marker": {"symbol": look["symbol"], "size": 9},
               "error_y": {"type": "data", "symmetric": False,
                           "array": [max(points[n]) - m for n, m in zip(ns, middles)],
                           "arrayminus": [m - min(points[n]) for n, m in zip(ns, middles)]}}]
    if line is not None:
        # A line that ends below all samples, or below 0, has no place on an axis of logarithms there.
        least = min(min(v) for v in points.values())
        fitted = [(n, y) for n in map(float, numpy.geomspace(ns[0], ns[-1], 33)) if (y := line["start_s"] + line["s_per_pv"] * n) >= least / 2]
        traces.append({"type": "scatter", "mode": "lines", "showlegend": False, "legendgroup": name,
                       "x": [n for n, _ in fitted], "y": [y for _, y in fitted],
                       "hoverinfo": "skip", "opacity": 0.5, "line": {"color": look["color"], "width": 5}})
    return traces


def against_n(result):
    charts = []
    for figure in ("connect_s", "get_1_s"):
        choices = []
        for server in dict.fromkeys(c["server"] for c in result["cells"]):
            traces = []
            for client, place in order(result).items():
                points = {c["step"]["pvs"]: report_result.samples(c["figures"][figure]) for c in result["cells"]
                          if (c["server"], c["client"], c["step"]["kind"]) == (server, client, "connect")
                          and c["step"].get("order") == "together" and c["figures"].get(figure, {}).get("n")}
                line = slope(result, server, client) if figure == "connect_s" else None
                traces += against_traces(client, place, points, line) if points else []
            if traces:
                second = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "line": {"dash": "dot", "width": 2}}
                mark = {"text": "1 s", "xref": "paper", "x": 0.01, "xanchor": "left", "y": 0, "yanchor": "bottom", "showarrow": False}
                numbers = sorted({n for trace in traces if trace.get("marker") for n in trace["x"]})
                choices.append(choice(server, traces, seconds_axis(values_of(traces) + [1]), pvs_axis(numbers), shapes=[second], annotations=[mark]))
        if choices:
            title = report_result.FIGURES[figure][0]
            fitted = "wide line: least squares over all runs, its slope with its 95% interval in the legend; " if figure == "connect_s" else ""
            charts.append(chart("against-" + figure, f"{title[0].upper() + title[1:]} against the number of PVs",
                                f"Points: medians; bars: extremes of the runs; {fitted}dotted: the 1 s that an application would notice.",
                                choices))
    return charts


# ---- CPU and memory over time ----

def band(client, place, series):
    """Median over the runs at each second, in a band from the least to the most."""
    seconds = list(range(1, 1 + max(map(len, series))))
    columns = [[s[i] for s in series if i < len(s) and s[i] is not None] for i in range(len(seconds))]
    kept = [(t, c) for t, c in zip(seconds, columns) if c]
    look, name = style(place), html.escape(client)
    times = [t for t, _ in kept]
    area = {"type": "scatter", "mode": "lines", "name": name + ", least to most", "legendgroup": name, "showlegend": False,
            "x": times + times[::-1], "y": [max(c) for _, c in kept] + [min(c) for _, c in kept][::-1], "fill": "toself",
            "fillcolor": wide(look["color"]), "line": {"width": 0}, "hoverinfo": "skip"}
    line = {"type": "scatter", "mode": "lines+markers", "name": f"{name} ({len(series)} runs)", "legendgroup": name, "x": times,
            "y": [float(numpy.median(c)) for _, c in kept], "line": {"color": look["color"], "dash": look["dash"]},
            "marker": {"symbol": look["symbol"]}}
    return [area, line]


def over_time(result):
    charts = []
    for key, title, unit in (("cpu_percent", "CPU over time", "% of a core"), ("rss_bytes", "Memory over time", "bytes")):
        choices = []
        runs = [r for r in report_result.good_runs(result) if isinstance(r.get("monitor"), dict) and r["monitor"].get(key)]
        for step, server in dict.fromkeys((r["step"], r["server"]) for r in runs):
            traces = []
            for client, place in order(result).items():
                series = [r["monitor"][key] for r in runs if (r["step"], r["server"], r["client"]) == (step, server, client)]
                traces += band(client, place, series) if any(v is not None for s in series for v in s) else []
            if traces:
                choices.append(choice(f"{step}, {server}", traces, axis(unit), axis("seconds since the first frame")))
        if choices:
            charts.append(chart("over-time-" + key, title, "Line: median of the runs at each second; band: from the least to the most.", choices))
    return charts


# ---- the servers' own lateness ----

def timely(result):
    """(server, owner, lateness) of every run whose server was late or timely at all."""
    return [(run["server"], owner, run["server_report"]["lateness"][owner]) for run in result["runs"]
            for owner in OWNERS if (run["server_report"].get("lateness") or {}).get(owner, {}).get("count")]


def lateness_by_owner(result):
    choices = []
    for key, name in (("p99_ns", "p99 of each run"), ("p50_ns", "p50 of each run"), ("max_ns", "most of each run")):
        mine = {owner: [(server, of[key] / 1e9) for server, whose, of in timely(result) if whose == owner and of.get(key)]
                for owner in OWNERS}
        drawn = [box(owner, place, mine[owner]) for place, owner in enumerate(OWNERS) if mine[owner]]
        if drawn:
            choices.append(choice(name, drawn, seconds_axis(values_of(drawn)), boxmode="group"))
    note = ("self: we were late; order: behind an earlier reply; peer: the client had not taken what came before; contention: its "
            "threads had our core. Only self makes a run invalid. A real IOC cannot tell.")
    return [chart("owners", "Lateness of frames and replies, by owner", note, choices)] if choices else []


def lateness_ecdf(result):
    choices = []
    for server in dict.fromkeys(server for server, _, _ in timely(result)):
        traces = []
        for place, owner in enumerate(OWNERS):
            runs = [of for s, whose, of in timely(result) if (s, whose) == (server, owner) and of.get("bounds_ns") and of.get("upto")]
            traces += ecdf(owner, place, runs) if runs else []
        if traces:
            choices.append(choice(server, traces, axis("fraction of all"), seconds_axis([1e-6, 1], "lateness")))
    note = "Fraction of replies and frames that were at most so late; line: all runs together; band: from the least to the most run."
    return [chart("ecdf", "Distribution of lateness (ECDF)", note, choices)] if choices else []


def ecdf(owner, place, runs):
    runs = [r for r in runs if r["bounds_ns"] == runs[0]["bounds_ns"] and len(r["upto"]) == len(r["bounds_ns"])]
    if not runs:
        return []
    bounds = [b / 1e9 for b in runs[0]["bounds_ns"]]
    each = numpy.array([[u / r["count"] for u in r["upto"]] for r in runs])
    total = sum(numpy.array(r["upto"]) for r in runs) / sum(r["count"] for r in runs)
    look = style(place)
    area = {"type": "scatter", "mode": "lines", "legendgroup": owner, "showlegend": False, "hoverinfo": "skip",
            "x": bounds + bounds[::-1], "y": list(each.max(axis=0)) + list(each.min(axis=0))[::-1], "fill": "toself",
            "fillcolor": wide(look["color"]), "line": {"width": 0}}
    line = {"type": "scatter", "mode": "lines", "name": f"{owner} ({len(runs)} runs)", "legendgroup": owner, "x": bounds,
            "y": list(total), "line": {"color": look["color"], "dash": look["dash"]}}
    return [area, line]


# ---- several files ----

def history(results, is_dated):
    """Medians over the files, in their order, with their intervals. What was counted otherwise is another history."""
    rows = report_text.all_rows(results)
    files = {path: label(path, result) for path, result in results}
    clients = list(dict.fromkeys(row["client"] for row in rows))
    choices = []
    for what in dict.fromkeys((r["step"], r["server"], r["figure"], r["by"]) for r in rows):
        mine = [r for r in rows if (r["step"], r["server"], r["figure"], r["by"]) == what and r["median"] is not None]
        traces = [past(client, place, [r for r in mine if r["client"] == client], files) for place, client in enumerate(clients)]
        title, unit = report_result.titled(*what[2:])
        choices.append(choice(f"{title}: {what[0]}, {what[1]}", [t for t in traces if t["x"]], axis(unit),
                              {"type": "category", "categoryorder": "array", "categoryarray": list(files.values())}))
    order_of = "by the time at which each began (UTC)" if is_dated else (
        "in which the files were named: not all of them tell when they began")
    note = f"Medians in the order {order_of}; bars: 95% interval of the median, or the extremes where there are under 6 runs."
    return [chart("history", "History", note, [c for c in choices if c["data"]])] if choices else []


def label(path, result):
    begun = report_result.begun(result)
    return html.escape(path) + ("" if begun is None else f"<br>{begun:%Y-%m-%d %H:%M}")


def past(client, place, rows, files):
    look = style(place)
    low = [r["low"] if r["low"] is not None else r["min"] for r in rows]
    high = [r["high"] if r["high"] is not None else r["max"] for r in rows]
    return {"type": "scatter", "mode": "lines+markers", "name": html.escape(client), "x": [files[r["file"]] for r in rows],
            "y": [r["median"] for r in rows], "line": {"color": look["color"], "dash": look["dash"]},
            "marker": {"symbol": look["symbol"], "size": 9},
            "error_y": {"type": "data", "symmetric": False, "array": [h - r["median"] for h, r in zip(high, rows)],
                        "arrayminus": [r["median"] - l for l, r in zip(low, rows)]}}


def charts(result):
    return (against_n(result) + distributions(result) + by_stage(result) + over_time(result) + lateness_by_owner(result) + lateness_ecdf(result))
