#!/usr/bin/python3
"""What no heapd source may contain, and what every one must.

  - banned functions (unbounded writes, unchecked conversions, hidden state);
  - printing or exiting in a library: heap/, gc/, api/ and client/*.c return facts (check.c alone may print);
  - a mutable variable at file scope, but where nothing else can carry it: jansson knows one allocator a process
    (api/json_mem.c), a CHECK has no object at hand (check.c), a signal handler is told a number (panic.c);
  - a file that does not open with a comment saying what it is for, or is longer than 700 lines: the latter in tests/ too;
  - a test_*.c or test_*.py under tests/ that the meson.build beside it does not name: nobody would run it.

Exits 1 if there is something to say."""
import pathlib
import re
import sys

BANNED = "strcpy strcat sprintf vsprintf gets strtok alloca atoi atol atof setjmp longjmp rand srand".split()
PRINTING = "printf puts putchar perror exit abort".split()
MUTABLE = re.compile(r"^static\s+(?!const\b|inline\b|_Thread_local\b)[\w\s\*]+?(\[[^\]]*\])*\s*(=|;)")
LINES_MAX = 700
STATEFUL = ("api/json_mem.c", "heap/base/check.c", "daemon/panic.c")


def calls(names, line):
    return [n for n in names if re.search(rf"(?<![\w.>]){n}\s*\(", line)]


def is_library(source):
    return source.startswith(("heap/", "gc/", "api/")) or (source.startswith("client/") and "/cli/" not in source)


def without_comments(text):
    blank = lambda m: re.sub(r"[^\n]", " ", m[0])
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def complaints(source, text):
    if not text.startswith("/*"):
        yield 1, "does not open with a comment that says what it is for"
    yield from too_long(text)
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        for name in calls(BANNED, line):
            yield number, f"calls {name}()"
        if is_library(source) and source != "heap/base/check.c":
            for name in calls(PRINTING, line):
                yield number, f"calls {name}(): libraries neither print nor exit"
        if source.endswith(".c") and source not in STATEFUL and MUTABLE.match(line) and "(" not in line.split("=")[0]:
            yield number, "has a mutable variable at file scope"


def unlisted(top):
    """Tests that nobody runs."""
    for path in sorted((top / "tests").glob("*/test_*.*")):
        listed = path.with_name("meson.build").read_text() if path.with_name("meson.build").exists() else ""
        if path.suffix in (".c", ".py") and not re.search(rf"\b{path.stem}\b", listed):
            yield f"{path.relative_to(top).as_posix()}: no list of tests has it"


def too_long(text):
    if text.count("\n") > LINES_MAX:
        yield LINES_MAX, f"is longer than {LINES_MAX} lines: does it still own one thing?"


def main(top):
    wrong = list(unlisted(top))
    for path in sorted(p for p in (top / "tests").rglob("*") if p.suffix in (".c", ".h", ".py", ".js", ".mjs")):
        wrong += [f"{path.relative_to(top).as_posix()}:{n}: {what}" for n, what in too_long(path.read_text())]
    for folder in ("heap", "gc", "api", "daemon", "client"):
        for path in sorted((top / folder).rglob("*.[ch]")):
            source = path.relative_to(top).as_posix()
            wrong += [f"{source}:{n}: {what}" for n, what in complaints(source, path.read_text())]
    print("\n".join(wrong) if wrong else "every source keeps the rules")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(__file__).resolve().parents[2]))
