#!/usr/bin/python3
"""embed.py - put files into a program: each becomes a C array that is linked in.

    embed.py OUT.c NAME=FILE ...

gives, for each, what a header of the program declares by hand:

    extern const unsigned char asset_NAME[];    the bytes, and a NUL behind them, which is not counted
    extern const size_t asset_NAME_len;

In meson (api/ and client/ do this):

    custom_target('assets.c', output: 'assets.c', input: files('page.html'),
      command: [embed, '@OUTPUT@', 'page_html=@INPUT@'])
"""
import pathlib
import re
import sys

LINE_BYTES = 96


def literal(data):
    """The bytes as string literals, which a compiler reads many times faster than as many numbers. Octal escapes are of
    three digits, so that no digit behind one belongs to it; "??" would be half a trigraph."""
    plain = {b: chr(b) for b in range(32, 127)} | {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?", ord("\n"): "\\n"}
    for at in range(0, len(data), LINE_BYTES):
        yield '    "' + "".join(plain.get(b) or f"\\{b:03o}" for b in data[at:at + LINE_BYTES]) + '"'


def array(name, path):
    data = pathlib.Path(path).read_bytes()
    lines = "\n".join(literal(data)) or '    ""'
    return (f"extern const unsigned char asset_{name}[];\nextern const size_t asset_{name}_len;\n"
            f"const unsigned char asset_{name}[] =\n{lines};\nconst size_t asset_{name}_len = {len(data)};\n")


def main(out, *assets):
    pairs = [asset.partition("=")[::2] for asset in assets]
    wrong = [name for name, path in pairs if not path or not re.fullmatch(r"[a-z_][a-z0-9_]*", name)]
    if wrong:
        sys.exit(f"embed.py: \"{wrong[0]}\" is not NAME=FILE with a NAME that C takes")
    text = "\n".join(array(name, path) for name, path in pairs)
    pathlib.Path(out).write_text(f"/* Made by deploy/embed.py of {len(pairs)} files. */\n#include <stddef.h>\n\n{text}", "ascii")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
