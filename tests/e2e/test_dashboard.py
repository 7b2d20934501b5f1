"""
test_dashboard.py - the page at / as HTTP: its files, their types, tags and forms, what a browser is told not to do with them, and
who may have them. What the page does is for tests/browser.
"""
import gzip
import re
import unittest

from heapd_test import ROOT, HeapdTest
from test_doors import ADMIN, READ, TokenTest, bearer

FOLDER = ROOT / "api/dashboard"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
       "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
GUARDS = {"content-security-policy": CSP, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
          "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin"}


def files():
    """Where each file is asked for, and where it lies: all of the folder's that a browser loads."""
    found = {f"/assets/{p.name}": p for p in sorted(FOLDER.iterdir()) if p.suffix in TYPES and p.suffix != ".html"}
    return {"/": FOLDER / "dashboard.html"} | found


class Page(HeapdTest):
    def get(self, path, **headers):
        return self.c.get(path, {k.replace("_", "-"): v for k, v in headers.items()})

    def test_each_file_is_answered_as_it_is_with_its_type(self):
        self.assertGreater(len(files()), 15)
        for path, file in files().items():
            said = self.get(path)
            self.assertEqual((said.status, said.headers["content-type"]), (200, TYPES[file.suffix]), path)
            self.assertEqual(said.raw, file.read_bytes(), path)
            self.assertNotIn("content-encoding", said.headers, path)

    def test_who_takes_gzip_gets_it(self):
        for path, file in files().items():
            for accept in ("gzip", "br, gzip;q=0.5", "*", "deflate, GZIP"):
                said = self.get(path, Accept_Encoding=accept)
                self.assertEqual(said.headers["content-encoding"], "gzip", path)
                self.assertEqual(gzip.decompress(said.raw), file.read_bytes(), path)
            for accept in ("identity", "br", "gzip;q=0", "*;q=0", "gzip;q=0, *"):
                self.assertNotIn("content-encoding", self.get(path, Accept_Encoding=accept).headers, accept)

    def test_two_lists_of_codings_are_no_fault(self):
        w = self.wire()
        w.ask("GET", "/assets/main.js", b"", "Accept-Encoding: gzip", "Accept-Encoding: br")
        said = w.answer()
        w.close()
        self.assertEqual((said.status, said.headers["content-encoding"]), (200, "gzip"))

    def test_a_browser_is_told_what_it_must_not_do(self):
        for path in files():
            for said in (self.get(path), self.get(path, Accept_Encoding="gzip"), self.get(path, If_None_Match="*")):
                guards = {k: v for k, v in GUARDS.items() if said.status == 200 or k != "x-content-type-options"}     # a 304 has no type
                self.assertEqual({k: v for k, v in said.headers.items() if k in GUARDS}, guards, path)
                self.assertEqual(said.headers["cache-control"], "no-cache", path)
                self.assertIn("Accept-Encoding", said.headers["vary"], path)

    def test_what_has_not_changed_is_not_sent_again(self):
        tags = set()
        for path in files():
            for coding in ("identity", "gzip"):
                tag = self.get(path, Accept_Encoding=coding).headers["etag"]
                self.assertRegex(tag, r'^"[0-9a-f]{16}"$')
                again = self.get(path, Accept_Encoding=coding, If_None_Match=f'"0000000000000000", W/{tag}')
                self.assertEqual((again.status, again.raw, again.headers["etag"]), (304, b"", tag), path)
                self.assertEqual(self.get(path, Accept_Encoding=coding, If_None_Match='"0000000000000000"').status, 200)
                tags.add(tag)
        self.assertEqual(len(tags), 2 * len(files()))      # of bytes: a form has its own

    def test_head_says_the_same_and_sends_nothing(self):
        for path in files():
            got, head = self.get(path), self.c.request("HEAD", path)
            self.assertEqual((head.status, head.raw), (200, b""), path)
            for name in ("content-length", "content-type", "etag", *GUARDS):
                self.assertEqual(head.headers[name], got.headers[name], path)

    def test_other_methods_and_names_are_refused(self):
        for path in ("/", "/assets/main.js"):
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                said = self.c.request(method, path)
                self.problem(said, 405)
                self.assertEqual(said.headers["allow"], "GET, HEAD, OPTIONS")
        for name in ("", "x.js", "dashboard.html", "main.js/", "..%2Fmain.js", "%2e%2e/%2e%2e/etc/passwd", "MAIN.JS", "main.js%00"):
            said = self.c.get(f"/assets/{name}")
            self.problem(said, 404, "no-such-name")
            self.assertNotIn("content-security-policy", said.headers)

    def test_who_takes_no_html_gets_a_text(self):
        said = self.get("/", Accept="text/plain")
        self.assertEqual(said.headers["content-type"], "text/plain; charset=utf-8")
        self.assertIn(b"/openapi.json", said.raw)
        self.assertEqual(self.get("/", Accept="*/*").headers["content-type"], TYPES[".html"])
        self.assertEqual(self.get("/", Accept=BROWSER).headers["content-type"], TYPES[".html"])
        self.problem(self.get("/", Accept="image/png"), 406)

    def test_openapi_has_the_page_and_not_its_files(self):
        paths = self.ok(self.c.get("/openapi.json"))["paths"]
        self.assertIn("/", paths)
        self.assertEqual([p for p in paths if p.startswith("/assets")], [])

    def test_every_file_that_is_loaded_is_there_and_none_is_from_elsewhere(self):
        """The page's own links, and each module's imports."""
        wanted = set(re.findall(r'(?:src|href)="([^"#]+)"', self.get("/").raw.decode()))
        outside = {w for w in wanted if not w.startswith("assets/")}
        self.assertTrue(all(w.startswith("data:") for w in outside), outside)
        for path, file in files().items():
            text = file.read_text()
            self.assertIsNone(re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|createContextualFragment", text), path)
            self.assertEqual([u for u in re.findall(r"https?://[^\s'\"`)]+", text) if not u.startswith("http://www.w3.org/")], [], path)
            wanted |= {"assets/" + name for name in re.findall(r'from "\./([\w.]+)"', text)}
        for name in wanted - outside:
            self.assertEqual(self.c.get("/" + name).status, 200, name)

    def test_the_page_is_small(self):
        sizes = {path: len(self.get(path, Accept_Encoding="gzip").raw) for path in files()}
        self.assertLess(sum(sizes.values()), 60000, sizes)      # Chart.js is 67 kB more

    def test_files_of_javascript_are_short_and_say_what_they_own(self):
        for path, file in files().items():
            lines = file.read_text().splitlines()
            self.assertLessEqual(len(lines), 400, path)
            if file.suffix == ".js":
                self.assertTrue(lines[0].startswith(f"// {file.name} - "), path)


class WithTokens(TokenTest):
    def test_without_a_token_the_page_is_a_401_that_asks_for_one(self):
        nobody = self.client()
        for accept, is_page in ((None, False), ("*/*", False), ("text/*", False), ("text/plain", False), ("text/html;q=0, */*", False),
                                (BROWSER, True), ("text/html", True)):
            said = nobody.get("/", {"Accept": accept} if accept else {})
            self.assertEqual(said.status, 401, accept)
            self.assertEqual(said.headers["www-authenticate"], 'Bearer realm="heapd"')
            self.assertEqual(said.headers["content-type"], TYPES[".html"] if is_page else "application/problem+json", accept)
            self.assertNotIn("etag", said.headers)
            if is_page:
                self.assertEqual(said.raw, (FOLDER / "dashboard.html").read_bytes())
                self.assertEqual({k: v for k, v in said.headers.items() if k in GUARDS}, GUARDS)
        self.assertEqual(nobody.get("/", {"Accept": BROWSER} | bearer("none-0123456789abcdef")).status, 401)

    def test_only_the_page_is_so_answered(self):
        for path in ("/v1/heap", "/metrics", "/openapi.json", "/problems/busy", "/nonsense"):
            said = self.client().get(path, {"Accept": BROWSER})
            self.assertEqual((said.status, said.headers["content-type"]), (401, "application/problem+json"), path)

    def test_a_token_opens_the_page_and_files_need_none(self):
        for token in (READ, ADMIN):
            self.assertEqual(self.client().get("/", {"Accept": BROWSER} | bearer(token)).status, 200)
        for path in files():
            self.assertEqual(self.client().get(path).status, 401 if path == "/" else 200, path)


if __name__ == "__main__":
    unittest.main()
