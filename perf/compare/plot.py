"""The table as a picture: for each line a bar of Penstock's ratio to the best peer, the goal as a mark, the spread as a rule."""
from html import escape

from report import judged, number

LEFT, WIDTH, ROW, TOP = 330, 560, 34, 86
RIGHT = 230
COLORS = {True: "#2a7f62", False: "#c0563b", None: "#8a8f98"}


def text(x, y, words, size=13, anchor="start", color="#1d2330", weight="normal"):
    return '<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" fill="%s" font-weight="%s">%s</text>' % (
        x, y, size, anchor, color, weight, escape(words))


def scale(lines):
    """The ratio at the right edge."""
    widest = [j["ratio"] for j in lines] + [j["goal"] for j in lines] + [1.0]
    return min(2.0, max(widest)) * 1.05


def bar(j, y, most):
    def at(ratio):
        return LEFT + WIDTH * min(ratio, most) / most
    out = ['<rect x="%d" y="%.1f" width="%.1f" height="14" rx="2" fill="%s"/>' % (LEFT, y - 7, at(j["ratio"]) - LEFT,
                                                                              COLORS[j["reached"]])]
    if j["ratio_spread"]:
        a, b = (at(r) for r in j["ratio_spread"])
        out.append('<path d="M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8" stroke="#1d2330" stroke-width="1.2" fill="none"/>'
                   % (a, y, b, a, y - 4, b, y - 4))
    out.append('<path d="M%.1f %.1fv22" stroke="#1d2330" stroke-width="2.4"/>' % (at(j["goal"]), y - 11))
    out.append(text(LEFT - 10, y + 4, j["line"], anchor="end"))
    words = "%s  (goal %.2f)" % (number(j["ratio"]), j["goal"])
    if j["times_floor"]:
        words += "  %s x floor" % number(j["times_floor"])
    out.append(text(LEFT + WIDTH + 12, y + 4, words, size=12))
    return out


def axis(most, bottom):
    out, step = [], 0.25 if most < 2.2 else 0.5
    at = 0.0
    while at <= most:
        x = LEFT + WIDTH * at / most
        out.append('<path d="M%.1f %dV%d" stroke="%s" stroke-width="1"/>' % (x, TOP - 14, bottom, "#9aa3b2" if at == 1 else "#e3e6eb"))
        out.append(text(x, bottom + 18, "%.2f" % at, size=11, anchor="middle", color="#5a6372"))
        at += step
    return out


def draw(document):
    lines = [j for j in judged(document) if j["ratio"] is not None]
    bottom = TOP + ROW * len(lines)
    most, m = scale(lines), document["machine"]
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif">'
           % (LEFT + WIDTH + RIGHT, bottom + 58), '<rect width="100%" height="100%" fill="#ffffff"/>',
           text(20, 30, "Penstock against the best of HAProxy, nginx stream, hitch and stunnel", size=17, weight="bold"),
           text(20, 52, "ratio of medians, less is better; the mark is the goal, the rule the spread over the rounds; "
                "%s, %d processors, Linux %s" % (m["processor"], m["processors"], m["kernel"]), size=12, color="#5a6372")]
    out += axis(most, bottom)
    for i, j in enumerate(lines):
        out += bar(j, TOP + ROW * i + ROW / 2 - 8, most)
    out.append(text(20, bottom + 42, "lines on sessions and workers are Penstock over itself", size=11, color="#5a6372"))
    return "\n".join(out + ["</svg>", ""])


def save(document, path):
    with open(path, "w") as f:
        f.write(draw(document))
