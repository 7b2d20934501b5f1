#!/usr/bin/python3
"""page.py - one HTML file of a template and what it names, cut in two where the data goes.

    page.py CHART_JS TEMPLATE STYLE SCRIPT... HEAD TAIL

The policy of the page names its own style and scripts by their hashes, so nothing else runs in it, whatever stands in the data.
"""
import base64
import hashlib
import pathlib
import re
import sys

# What the copyright of a copy of Chart.js asks for; the file itself names the licence only.
CHART_NOTICE = """Chart.js, copyright (c) 2014-2022 Chart.js Contributors, with @kurkle/color, copyright (c) 2018-2021 Jukka Kurkela.
The MIT License: Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use,
copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software
is furnished to do so, subject to the following conditions: The above copyright notice and this permission notice shall be included
in all copies or substantial portions of the Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO
EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT,
TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


def read(path):
    return pathlib.Path(path).read_text("utf-8")


def hashed(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def main(chart, template, style, *more):
    *scripts, head, tail = more
    parts = {"style": read(style), "chart": read(chart), "script": "\n".join(map(read, scripts)), "chart_notice": CHART_NOTICE}
    for name in ("chart", "script", "style"):
        if re.search(rf"</(script|style)|<!--", parts[name], re.IGNORECASE):
            sys.exit(f"page.py: what is in {name} would end its own element")
    parts["policy"] = (f"default-src 'none'; style-src {hashed(parts['style'])}; "
                       f"script-src {hashed(parts['chart'])} {hashed(parts['script'])}; base-uri 'none'; form-action 'none'")
    before, after = read(template).split("{{data}}")
    fill = lambda text: re.sub(r"{{(\w+)}}", lambda m: parts[m[1]], text)
    pathlib.Path(head).write_text(fill(before), "utf-8")
    pathlib.Path(tail).write_text(fill(after), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
