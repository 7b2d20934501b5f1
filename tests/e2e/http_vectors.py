"""
http_vectors.py - what may come in at a door that speaks HTTP/1.1, and what must become of it: data for test_guard.py.

A vector is the bytes of one request (or of what is none) and a verdict. Marks in the bytes are filled in by the test:
@H is "Host: ADDR:PORT", @T the path of a field that can be written, @B its body, the JSON string "hello": 7 bytes.

    refused   a status, or several that may be: one problem with it, Connection: close, and nothing behind it is read
    the last  as refused, with a status that is no error
    taken     OK: the field is "hello" afterwards; or the list of statuses, if it is not one PUT of @B

The groups follow facts that are public: how llhttp 8 reads each of them (some loosely), the classes of its own published
cases, and the kinds of disagreement by which requests are smuggled. The bytes are ours.
"""
from collections import namedtuple

Vector = namedtuple("Vector", "name bytes verdict")
OK = "ok"

PUT = "PUT @T HTTP/1.1\r\n@H\r\n"
CHUNKED = PUT + "Transfer-Encoding: chunked\r\n\r\n"
LENGTH = PUT + "Content-Length: 7\r\n"
WHOLE = LENGTH + "\r\n@B"
CHUNK = "7\r\n@B\r\n"
LAST = "0\r\n\r\n"


def get(*lines, line="GET /livez HTTP/1.1", host=True):
    return "\r\n".join([line, *(["@H"] if host else []), *lines, "", ""])


def put(*lines):
    """A PUT of @B by its length, with more header lines before Content-Length and behind it."""
    return [PUT + "".join(f"{x}\r\n" for x in lines) + "Content-Length: 7\r\n\r\n@B",
            LENGTH + "".join(f"{x}\r\n" for x in lines) + "\r\n@B"]


TABLE = {
    # ---- what is well, so that refusing everything is no way to pass
    "plain requests": (OK, [
        WHOLE, CHUNKED + CHUNK + LAST, "\r\n" + WHOLE, "\r\n\r\n\r\n" + WHOLE, LENGTH + "Connection: keep-alive\r\n\r\n@B"]),
    "length with zeros before it": (OK, [PUT + "Content-Length: 007\r\n\r\n@B", PUT + "Content-Length: 0000000000000000000007\r\n\r\n@B"]),
    "names of any case": (OK, [PUT + "cONTENT-lENGTH: 7\r\n\r\n@B", PUT + "TRANSFER-encoding: CHUNKED\r\n\r\n" + CHUNK + LAST]),
    "blanks around a value": (OK, [PUT + "Content-Length:7\r\n\r\n@B", PUT + "Content-Length:   7  \r\n\r\n@B", *put("X:", "Y:  ", "Z: \t a \t b \t")]),
    "odd names and values": (OK, put("!#$%&'*+-.^_`|~09aZ: x", "X: \"(quoted, \\\" half", "X: caf\xe9 \xff\x80", "X: a:b:c", "Cookie: a=b; c=d")),
    "the same header often": (OK, put("X: 1", "X: 2", "Accept: application/json", "Accept: text/html")),
    "chunks of any size": (OK, [
        CHUNKED + "1\r\n\"\r\n5\r\nhello\r\n1\r\n\"\r\n" + LAST, CHUNKED + "0007\r\n@B\r\n000\r\n\r\n", CHUNKED + "00000000000000007\r\n@B\r\n" + LAST]),
    "chunk extensions": (OK, [
        CHUNKED + "7;a=b\r\n@B\r\n0;last\r\n\r\n", CHUNKED + "7;a;b=c\r\n@B\r\n" + LAST, CHUNKED + "7;a=\"b; c\";d\r\n@B\r\n" + LAST]),
    "trailers": (OK, [
        CHUNKED + CHUNK + "0\r\nX: y\r\nZ:\r\n\r\n",
        CHUNKED + CHUNK + "0\r\nContent-Length: 100\r\nHost: evil.example\r\nHost: x\r\nConnection: x\r\nExpect: y\r\n\r\n"]),
    "an upgrade that nobody takes": (OK, put("Connection: Upgrade", "Upgrade: h2c, websocket") + put("Connection: keep-alive, Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")),
    "an expectation": (OK, put("Expect: 100-continue") + put("expect:100-Continue ")),
    "targets": ([404], [get(line=f"GET {t} HTTP/1.1") for t in (
        "/nonsense?a=b?c=d", "/nonsense//b/./../c", "/n?q=a|b&c=%22d%22", "/%2e%2e/%41", "/n?x=[1]&y={2}", "/n;p=1,2", "/'~!$&()*+,;=:@-_.", "//livez", "/n?%00x/")]),
    "a target with a question": ([200], [get(line="GET /livez? HTTP/1.1"), get(line="GET /livez?a=1&b=%20+&c HTTP/1.1"), get(line="GET /livez HTTP/1.1")]),
    "options": ([204], [get(line="OPTIONS * HTTP/1.1"), get(line="OPTIONS /v1/gc HTTP/1.1")]),
    "the last one": ((200,), [get(f"Connection:{x}") for x in ("close", " Close", " \tclose ", " keep-alive, close", " x ,,close", " close\r\nConnection: keep-alive")] + [
        get("Connection: close", "Content-Length: 5") + "hello", get("Connection: close", "Transfer-Encoding: chunked") + "5\r\nhello\r\n" + LAST,
        get(line="GET /livez HTTP/1.0"), get(host=False, line="GET /livez HTTP/1.0"), get("Connection: keep-alive, close", line="GET /livez HTTP/1.0")]),
    "a body where none belongs": ([200], [get("Content-Length: 5") + "hello", get("Transfer-Encoding: chunked") + "5\r\nhello\r\n" + LAST]),

    # ---- EDGE 3.4, row by row
    "a bare CR that hides a header": (400, [PUT + "X: \rTransfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n@B", PUT + "X: a\rContent-Length: 0\r\nContent-Length: 7\r\n\r\n@B", PUT + "Content-Length: 7\rX: y\r\n\r\n@B", PUT + "X\r: y\r\nContent-Length: 7\r\n\r\n@B", LENGTH + "\r\r\n@B", PUT + "\rContent-Length: 7\r\n\r\n@B"]),
    "a bare CR in a chunk's line": (400, [CHUNKED + "7;a\rX\r\n@B\r\n" + LAST, CHUNKED + "7\r@B\r\n" + LAST, CHUNKED + "7;a=\"\r\"\r\n@B\r\n" + LAST, CHUNKED + "7 \r\r\n@B\r\n" + LAST]),
    "bytes above ASCII in a target": (400, [get(line=f"GET /livez{c} HTTP/1.1") for c in ("\x80", "\xc3\xa9", "?\xff", "/\xe2\x80\xae")]),
    "a folded header": (400, [x for fold in ("\r\n ", "\r\n\t", "\r\n  \t") for x in (
        PUT + f"X: a{fold}b\r\nContent-Length: 7\r\n\r\n@B", PUT + f"Content-Length:{fold}7\r\n\r\n@B", LENGTH + f"X:{fold}\r\n\r\n@B",
        f"PUT @T HTTP/1.1\r\n@H{fold}Content-Length: 7\r\n\r\n@B", f"PUT @T HTTP/1.1{fold}@H\r\nContent-Length: 7\r\n\r\n@B",
        PUT + f"Transfer-Encoding:{fold}chunked\r\n\r\n" + CHUNK + LAST, PUT + f"Transfer-Encoding: chunked{fold}\r\n\r\n" + CHUNK + LAST)]),
    "a folded trailer": (400, [CHUNKED + CHUNK + "0\r\nX: a\r\n b\r\n\r\n", CHUNKED + CHUNK + "0\r\n X: a\r\n\r\n"]),
    "an encoding and a length": (400, [PUT + x + CHUNK + LAST for x in (
        "Transfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n", "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", "Content-Length: 19\r\ntransfer-encoding: identity\r\n\r\n",
        "Transfer-Encoding:\r\nContent-Length: 7\r\n\r\n", "Content-Length: 7\r\nTransfer-Encoding: \t \r\n\r\n",
        "Transfer-Encoding: gzip\r\nContent-Length: 19\r\n\r\n")]),
    "an encoding on HTTP/1.0": (400, [f"PUT @T HTTP/1.0\r\n{x}Transfer-Encoding: chunked\r\n\r\n" + CHUNK + LAST for x in ("", "@H\r\n", "Connection: keep-alive\r\n")]),
    "an encoding that is no lone chunked": ((400, 501), [PUT + f"Transfer-Encoding:{x}\r\n\r\n" + CHUNK + LAST for x in (
        " gzip, chunked", " ,chunked", " chunked,", " chunked, chunked", " chunked, identity", " chunked, gzip", " identity", " pigeons", " chunkedchunked", " chunked;q=1",
        " \"chunked\"", " xchunked", " chunked x", " chunked\x0b", " chunke", "", " ", " chunked\r\nTransfer-Encoding: chunked", " identity\r\nTransfer-Encoding: chunked", " chunked\r\nX: y\r\nTransfer-Encoding:",
        " ch\xfcnked", " chunked\t", " chunked \t ")]),
    "not exactly one host": (400, [get(host=False), get("@H"), get("Host: evil.example"), get("Host:"), get("host: evil.example"), "PUT @T HTTP/1.1\r\nContent-Length: 7\r\n\r\n@B",
                                   get("@H", line="GET /livez HTTP/1.0")]),
    "a host that is not ours": (403, [get("Host:", host=False), get("Host: evil.example", host=False), get("Host: @A@evil.example", host=False), get("Host: @A,evil.example", host=False), get("Host: @A evil", host=False),
                                      get("Host: http://@A", host=False), get("Host: @A/", host=False), get("Host: evil.example", host=False, line="GET /livez HTTP/1.0")]),
    "a line ended by a bare LF": (400, [
        WHOLE.replace("\r\n", "\n"), WHOLE.replace("\r\n", "\n", 1), LENGTH.replace("7\r\n", "7\n") + "\r\n@B", LENGTH + "\n@B", "\n" + WHOLE, "\n\n" + WHOLE, LENGTH + "X: y\n\r\n@B", LENGTH + "X: a\nY: b\r\n\r\n@B",
        get("X: y\n\tz"), CHUNKED + CHUNK + "0\r\n\n", CHUNKED + CHUNK + "0\r\nX: y\n\r\n"]),
    "lines ended by CR alone": (400, [WHOLE.replace("\r\n", "\r"), WHOLE.replace("\r\n", "\r", 1), "\r" + WHOLE, WHOLE.replace("\r\n", "\n\r")]),
    "an empty name": (400, [*put(": x"), *put(":"), *put(" : x"), CHUNKED + CHUNK + "0\r\n: x\r\n\r\n"]),
    "a request line with other blanks": (400, [f"{x}\r\n@H\r\nContent-Length: 7\r\n\r\n@B" for x in (
        "PUT  @T HTTP/1.1", "PUT @T  HTTP/1.1", "PUT @T HTTP/1.1 ", " PUT @T HTTP/1.1", "PUT\t@T HTTP/1.1", "PUT @T\tHTTP/1.1", "PUT @T HTTP/1.1\t", "PUT @T x HTTP/1.1", "PUT @T\x0bHTTP/1.1", "PUT @T\x0cHTTP/1.1", "PUT @T HTTP /1.1")]),
    "a fragment": (400, [get(line=f"GET /livez{x} HTTP/1.1") for x in ("#", "#b", "?a#b", "#?")]),
    "other protocols": ((400, 501, 505), [f"{x}\r\n@H\r\nContent-Length: 7\r\n\r\n@B" for x in (
        "PUT @T RTSP/1.0", "SOURCE @T ICE/1.0", "GET @T ICE/1.0", "DESCRIBE @T RTSP/1.0", "PUT @T HTTP/0.9", "PUT @T", "PUT @T ", "PUT", "GET /livez", "PUT @T HTTP", "PUT @T HTTP/", "PUT @T HTTP/1", "PUT @T HTTP/1.", "PUT @T HTTP/11",
        "PUT @T HTTP/1,1", "PUT @T HTTP/1.1.1", "PUT @T HTTP/+1.1", "PUT @T HTTP/1.10", "PUT @T HTTP/01.1", "PUT @T HTTPS/1.1", "PUT @T http/1.1", "PUT @T HTP/1.1", "PUT @T \"HTTP/1.1\"")]),
    "other versions": ((400, 505), [f"PUT @T HTTP/{x}\r\n@H\r\nContent-Length: 7\r\n\r\n@B" for x in ("0.9", "1.2", "1.9", "2.0", "3.0", "5.6", "9.9", "0.0")]),
    "a preface of HTTP/2": ((400, 501, 505), ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HTTP/1.1\r\n@H\r\n\r\n", "PRI / HTTP/2.0\r\n\r\n"]),
    "TLS, SSH, Redis and zeros": (400, ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "*1\r\n$4\r\nPING\r\n\r\n", "\x00\x00\x00\x00", "\x80\x2e\x01", "{\"id\":1}\r\n", "<?xml?>\r\n"]),
    "words of other protocols": ((400, 501), ["SSH-2.0-OpenSSH\r\n", "PING\r\n", "EHLO a\r\n", "QUIT\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]),
    "a tunnel": ((400, 501), [get(line="CONNECT evil.example:443 HTTP/1.1"), get(line="CONNECT @A HTTP/1.1"), get("Content-Length: 7", line="CONNECT / HTTP/1.1") + "@B"]),
    "targets that are no path": (400, [get(line=f"GET {t} HTTP/1.1") for t in ("http://@A/livez", "http://evil.example/", "*", "livez", "@A", "", "?x", "../livez", "https://u:p@@A/")]),
    "a length that is no run of digits": (400, [PUT + f"Content-Length:{x}\r\n\r\n@B" for x in (
        " +7", " -7", " 7,7", " 7, 7", " 7 7", " 0x7", " 7.0", " 7e0", " 7;", " seven", "", " ", " \"7\"", " 7\x0b", " \xb77", " 1_0", " 7\t7", " 18446744073709551623", " 9223372036854775808", " 99999999999999999999999999", " 7\x00")]),
    "several lengths": (400, [PUT + x + "\r\n@B" for x in ("Content-Length: 7\r\nContent-Length: 7\r\n", "Content-Length: 7\r\ncontent-length: 8\r\n", "Content-Length: 0\r\nX: y\r\nContent-Length: 7\r\n", "Content-Length: 7\r\nContent-Length:\r\n")]),
    "a blank before the colon": (400, [LENGTH + x + "\r\n\r\n@B" for x in ("X : y", "X\t: y", "Transfer-Encoding : chunked")] + [PUT + "Content-Length : 7\r\n\r\n@B", PUT + "Transfer-Encoding : chunked\r\n\r\n" + CHUNK + LAST,
                                          "GET /livez HTTP/1.1\r\nHost : @A\r\n\r\n"]),
    "chunk sizes that are none": (400, [CHUNKED + x for x in (
        "x\r\n@B\r\n" + LAST, "-7\r\n@B\r\n" + LAST, "+7\r\n@B\r\n" + LAST, "0x7\r\n@B\r\n" + LAST, " 7\r\n@B\r\n" + LAST, "7 \r\n@B\r\n" + LAST, "7\t\r\n@B\r\n" + LAST, "\r\n@B\r\n" + LAST, ";a\r\n@B\r\n" + LAST, "7h\r\n@B\r\n" + LAST, "7,7\r\n@B\r\n" + LAST,
        "10000000000000007\r\n@B\r\n" + LAST, "ffffffffffffffffffff\r\n@B\r\n" + LAST, "7\x00\r\n@B\r\n" + LAST, "\"7\"\r\n@B\r\n" + LAST, "7.\r\n@B\r\n" + LAST, "@B\r\n" + LAST)]),
    "chunks that end elsewhere": (400, [CHUNKED + x for x in (
        "7\n@B\r\n" + LAST, "7\r\n@B\n" + LAST, "7\r\n@B" + LAST, "7\r\n@Bx\r\n" + LAST, "6\r\n@B\r\n" + LAST, "8\r\n@B\r\n" + LAST, "7\r\n@B\r" + LAST, CHUNK + "0\r\nX y\r\n\r\n", CHUNK + "0\r\nX\r\n\r\n", CHUNK + "0\n\r\n", CHUNK + "0\r\r\n\r\n", CHUNK + "\r\n" + LAST, CHUNK + "0\r\nX: \x00\r\n\r\n")]),
    "chunk extensions that are none": (400, [CHUNKED + f"7;{x}\r\n@B\r\n" + LAST for x in ("a\nb", "a=\"b\nc\"", "a\x00", "a=\"\x01\"", "a=\x7f")]),
    "chunk extensions that the parser does not know": (400, [CHUNKED + f"7;{x}\r\n@B\r\n" + LAST for x in ("", " a=b", "a =b", "a= b", "a=b;c=d", "a=\"b\\\"c\"", "a=\"b")]),
    "framing in a trailer": (400, [CHUNKED + CHUNK + f"0\r\n{x}\r\n\r\n" for x in ("Transfer-Encoding: chunked", "Transfer-Encoding: gzip")]),
    "control bytes": (400, [*(x for c in "\x00\x01\x08\x0b\x0c\x0e\x1b\x1f\x7f" for x in put(f"X: a{c}b")), *put("X\x00: a"), *put("X: \x00"), *(get(line=f"GET /livez{c} HTTP/1.1") for c in "\x00\x01\x08\x0b\x1b\x7f"), "\x00" + WHOLE, "\x01GET / HTTP/1.1\r\n\r\n"]),
    "names that are none": (400, [x for name in ("X Y", "X(", "X)", "X,", "X/", "X;", "X<", "X=", "X>", "X?", "X@", "X[", "X\\", "X]", "X{", "X}", "\"X\"", "\x80", "X\xe9") for x in put(f"{name}: a")]),
    "lines that are no header": (400, [*put("X"), *put("just words"), *put("GET /livez HTTP/1.1"), PUT + "\x20\r\nContent-Length: 7\r\n\r\n@B"]),
    "methods that are none": ((400, 405, 501), [get(line=f"{m} /livez HTTP/1.1") for m in (
        "BREW", "get", "Get", "GETT", "GE", "G", "TRACE", "M-SEARCH", "PROPFIND", "REPORT", "PURGE", "LINK", "UNLINK", "SEARCH", "QUERY", "SOURCE", "x" * 200, "GET\x00", "GET,", "GET:", "\"GET\"", "GET/", "GET@", "(GET)")]),
    "another expectation": (417, [get("Expect: a-miracle"), get("Expect:"), get("Expect: 100-continue, b"), get("Expect: 100-continue", "Expect: 100-continue")]),
    "two who ask": (400, [get("Origin: http://@A", "Origin: http://@A"), get("Authorization: Bearer a", "Authorization: Bearer b")]),
    "another origin": (403, [get(f"Origin: {x}") for x in ("null", "http://evil.example", "https://@A", "http://@A.evil.example", "http://@A/", "@A", "")] + [get("Sec-Fetch-Site: cross-site"), get("Sec-Fetch-Site: Cross-Site", "Sec-Fetch-Mode: no-cors")]),
    "no end to a body": (411, [PUT + "\r\n@B", "PUT @T HTTP/1.0\r\n\r\n@B", "POST /v1/batch HTTP/1.1\r\n@H\r\n\r\n[]\n", "POST /v1/objects HTTP/1.1\r\n@H\r\nConnection: keep-alive\r\n\r\n{}"]),
    "too long a line": (414, [get(line=f"GET /{'x' * 8300} HTTP/1.1"), "\r\n" * 8200 + get(), "x" * 9000]),
    "too much of a header": (431, [get("X: " + "x" * 17000), get("X" * 17000 + ": x"), get(*("A: b",) * 70), get("X: " + " " * 17000)]),
    "too long extensions": (413, [CHUNKED + f"7;{'x' * 5000}\r\n@B\r\n" + LAST, CHUNKED + "1;aaaaaaaaa\r\n1\r\n" * 500]),
    "too long a body": (413, [PUT + "Content-Length: 9223372036854775807\r\n\r\n", PUT + "Content-Length: 1048577\r\nExpect: 100-continue\r\n\r\n"]),
}

# ---- one within another, as they are smuggled: each behind what some proxies pass on

TABLE["a request in what another takes for a body"] = (400, [
    PUT + f"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n{LAST}" + WHOLE,
    PUT + f"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n{WHOLE}\r\n{LAST}",
    PUT + "Content-Length: 6\r\nTransfer-Encoding:\x0bchunked\r\n\r\n" + LAST + "G",
    PUT + "X: y\rContent-Length: 0\r\n\r\n" + WHOLE,
    PUT + "X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + LAST + WHOLE,
    PUT + "Content-Length: 0\r\n Content-Length: 7\r\n\r\n@B" + WHOLE,
    PUT + "Content-Length: 7\r\nContent-Length\r\n: 0\r\n\r\n@B",
    CHUNKED + "0\r\nX: y\r\n Z\r\n\r\n" + WHOLE,
    CHUNKED + "7\r\n@B\r\n0\r\nGET /livez HTTP/1.1\r\n@H\r\n\r\n",
])

VECTORS = [Vector(f"{name} #{n}", data.encode("latin-1"), verdict)
           for name, (verdict, all_bytes) in TABLE.items() for n, data in enumerate(all_bytes)]
