"""Results as a table, as JSON and as a picture."""
import json

from lines import LINES, Result

COLUMNS = ("haproxy", "nginx", "hitch", "stunnel")


def number(value):
    return "-" if value is None else "%.3g" % value if abs(value) < 1000 else "%.0f" % value


def judge(line, result, peer_of):
    """One line's figures, or None if the run has them not."""
    own = result.median(line.figure, line.who)
    if own is None:
        return None
    peers = result.peers(line.figure, peer_of)
    best = min((v[0] for v in peers.values()), default=None)
    under = result.median(line.figure, line.over) if line.over not in ("peers", None) else best
    ratio = own if line.over is None else own / under if under else None
    floor = line.floor(result, line.figure) if line.floor else None
    times = own / floor if floor else None
    reached = None if ratio is None else ratio <= line.goal and (times is None or not line.of_floor or times <= line.of_floor)
    pair = result.samples[line.figure]
    who = [line.who] + [v[1] for v in peers.values() if best and v[0] == best and line.over == "peers"]
    doubts = [(w, d) for w in who for d in result.doubts.get(line.figure, {}).get(w, [])]
    # How far the ratio moves from round to round: the worst and the best pairing of what was measured together.
    other = who[1] if len(who) > 1 else line.over if line.over in pair else None
    rounds = [a / b for a, b in zip(pair[line.who], pair[other])] if other else pair[line.who] if line.over is None else []
    return {"line": line.title, "unit": line.unit, "goal": line.goal, "floor_goal": line.of_floor, "penstock": own,
            "spread": result.spread(line.figure, line.who), "peers": {p: {"median": v[0], "variant": v[1],
            "spread": result.spread(line.figure, v[1])} for p, v in peers.items()}, "ratio": ratio,
            "ratio_spread": [min(rounds), max(rounds)] if rounds else None, "floor": floor, "times_floor": times,
            "reached": reached, "doubts": doubts, "others": max([result.others.get(line.figure, {}).get(w, 0) for w in who])}


def judged(document):
    result = Result(document)
    return [j for j in (judge(line, result, document["peer_of"]) for line in LINES) if j]


def verdict(j):
    return "-" if j["reached"] is None else "yes" if j["reached"] else "NO"


def spread(pair):
    return "(%s..%s)" % (number(pair[0]), number(pair[1])) if pair and pair[0] != pair[1] else ""


def table(document):
    """Text for people: one line a goal."""
    m = document["machine"]
    head = ["%s, %d processors, Linux %s, %s" % (m["processor"], m["processors"], m["kernel"], m["openssl"]),
            "%s | %s | %s | %s" % (m["haproxy"], m["nginx"], m["hitch"], m["stunnel"]),
            "%d rounds of %s s, medians (least..greatest), ratio to the best of the peers" % (document["rounds"],
                                                                                            number(document["seconds"])), ""]
    rows = [["", "penstock", *COLUMNS, "ratio", "goal", "reached", "x floor"]]
    for j in judged(document):
        cells = [j["peers"].get(p) for p in COLUMNS]
        marks = "".join(c for c, on in (("!", j["doubts"]), ("~", j["others"] > 0.05)) if on)
        rows.append([("%s, %s" % (j["line"], j["unit"])).rstrip(", "), "%s %s" % (number(j["penstock"]), spread(j["spread"])),
                     *["-" if not c else number(c["median"]) + ("*" if c["variant"] != p else "")
                       for p, c in zip(COLUMNS, cells)],
                     "%s %s" % (number(j["ratio"]), spread(j["ratio_spread"])), "%.2f" % j["goal"],
                     verdict(j) + marks, number(j["times_floor"]) + (" (%.2f)" % j["floor_goal"] if j["floor_goal"] else "")])
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    body = ["  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))) for r in rows]
    return "\n".join(head + body + [""] + notes(document))


def notes(document):
    lines = ["x floor: multiple of the least that the work costs here (bare relay, ciphers, primitives), its goal in brackets"]
    if any(c["variant"] != p for j in judged(document) for p, c in j["peers"].items()):
        lines.append("*: with buffers of 256 KiB, where that is better for the peer")
    if any(j["others"] > 0.05 for j in judged(document)):
        lines.append("~: others used more than 5 % of the gateway's processor: trust the ratio less")
    for j in judged(document):
        for who, doubt in j["doubts"]:
            lines.append("!: %s: %s: %s" % (j["line"], who, doubt))
    for line in document.get("left_out", ()):
        lines.append("left out: " + line)
    return lines


def save(document, path):
    with open(path, "w") as f:
        json.dump({**document, "lines": judged(document)}, f, indent=1)
        f.write("\n")


def merged(documents):
    """Several runs as one: the samples of the same figure one after the other."""
    whole = documents[0]
    for d in documents[1:]:
        for figure, by in d["samples"].items():
            for gateway, values in by.items():
                whole["samples"].setdefault(figure, {}).setdefault(gateway, []).extend(values)
        for key in ("doubts", "others"):
            for figure, by in d[key].items():
                whole[key].setdefault(figure, {}).update(by)
        whole["peer_of"].update(d["peer_of"])
        for name, values in d["micro"].items():
            whole["micro"].setdefault(name, []).extend(values)
        whole["rounds"] = max(whole["rounds"], d["rounds"])
    return whole
