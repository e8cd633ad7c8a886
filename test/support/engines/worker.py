"""Other Delta engines behind one pipe: a JSON request a line on stdin, an answer `@@{json}` a line on stdout. argv: the module with the engines.

Requests {"op", "engine", "table", ...} go to the module's function of that name, whose result is the answer. The op `read` is here:
{"version"?, "where"?: SQL, "lines"?: true} answers {"rows", "digest"}, with "lines" the rows themselves.
"""
import importlib, json, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import canonical


def answer(engines, op, request):
    if op != "read":
        return getattr(engines, op)(**request)
    wants_lines = request.pop("lines", False)
    lines = list(canonical.lines(engines.arrow(**request)))
    return {**canonical.digest(lines), **({"lines": lines} if wants_lines else {})}


def main():
    engines = importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            result = {"result": answer(engines, request.pop("op"), request)}
        except Exception as error:
            result = {"error": ("%s: %s" % (type(error).__name__, str(error).split("\n\tat ")[0]))[:2000]}
        print("@@" + json.dumps(result, default=str), flush=True)


main()
