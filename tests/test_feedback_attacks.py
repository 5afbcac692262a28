"""Feedback pages of notebooks full of payloads, in a real browser: nothing runs, nothing is asked for."""

import base64
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from feedback_pages import RED, elements, error, executed, page_of, shown, text
from nbformat.v4 import new_code_cell, new_output
from tiny_class import cell_of, make_class


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return make_class(tmp_path_factory.mktemp("attacks") / "class")


BEACON = "http://127.0.0.1:{port}/beacon"
CANARY = "window.canary=1;alert(1)"
# In each, URL stands for a server that counts and RUN for a script that leaves a trace.
PAYLOADS = [
    "<script>RUN;fetch('URL')</script>",
    "<script src='URL'></script>",
    "<img src='URL' onerror='RUN' onload='RUN'>",
    "<svg xmlns='http://www.w3.org/2000/svg' onload='RUN'><script>RUN</script><image href='URL'/></svg>",
    "<body onload='RUN'><video autoplay onerror='RUN'><source src='URL' onerror='RUN'></video>",
    "<details open ontoggle='RUN'><summary>x</summary></details><input autofocus onfocus='RUN'>",
    "<style>@import url(URL); body { background: url(URL) } @font-face { font-family: f; src: url(URL) }</style>",
    "<link rel=stylesheet href='URL'><link rel=prefetch href='URL'><link rel=dns-prefetch href='URL'>",
    "<p style='background:url(URL);position:fixed;inset:0;z-index:9'>x</p>",
    "<meta http-equiv=refresh content='0;url=URL'>",
    "<iframe src='URL'></iframe><iframe srcdoc='<script>parent.RUN</script>'></iframe>",
    "<iframe src='javascript:parent.RUN'></iframe>",
    "<object data='URL'></object><embed src='URL'><object data='data:text/html,<script>RUN</script>'></object>",
    "<form action='URL'><button autofocus formaction='javascript:RUN'>x</button></form>",
    "<a href='javascript:RUN'>x</a><a href='data:text/html,<script>RUN</script>'>x</a><a ping='URL' href='URL'>x</a>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=RUN&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=RUN>'></noscript>",
    "</pre></div></section></main></body></html><script>RUN</script>",
    "</title></style></textarea>--><script>RUN</script>",
    "<base href='URL'><img src=x.png>",
    r"\(\href{javascript:RUN}{x}\) $$\require{html}\style{background:url(URL)}{x}$$",
    "\x1b]8;;javascript:RUN\x1b\\x\x1b]8;;\x1b\\ \x1b[31m<img src=x onerror=RUN>",
    "\u202e<scr\u200bipt>RUN</script>\ufeff \x00<\x00script>RUN</script>",
]
MARKDOWN = [
    "[x](javascript:RUN)",
    "[x](&#106;avascript:RUN)",
    "![x](URL) ![y](URL){onerror=alert(1)}",
    "![x](attachment:a.svg) ![x](attachment:lie.png) ![real](attachment:real.png) [x]: javascript:RUN",
    '![x" onerror="RUN](attachment:real.png "y\' onload=\'RUN")',
    "<URL> URL\n\n[x]: URL\n\n[x]",
    '```html" onmouseover="RUN\n<script>RUN</script>\n```',
    "|<script>RUN</script>|\n|-|\n|![x](URL)|",
]


def filled(payload, url):
    return payload.replace("RUN", CANARY).replace("URL", url)


def payload_notebook(url):
    """Every payload at every place that a student can write to; nothing so long that it would be cut."""
    payloads = [filled(p, url) for p in PAYLOADS]
    parts = ["\n".join(payloads[:12]), "\n".join(payloads[12:])]
    svg = payloads[3]
    lie = base64.b64encode(svg.encode()).decode()
    lies = {"image/svg+xml": svg, "image/png": lie, "image/jpeg": RED, f"image/png' onerror='{CANARY}": RED}
    outputs = [text(parts[0]), text(parts[1], "stderr")]
    outputs.append(new_output("display_data", data={"image/png": RED, "text/html": parts[0], "text/plain": parts[1]}))
    outputs += [new_output("display_data", data={mime: data}) for mime, data in lies.items()]
    outputs.append(new_output("display_data", data={"image/png": f"x' onerror='{CANARY}"}))
    for part in parts:
        outputs += [shown(text_html=part), shown(text_markdown=part), shown(text_latex=part), shown(text_plain=part)]
        outputs.append(error(f"<script>{CANARY}</script>", part, [part]))
    outputs.append(shown(application_javascript=CANARY, text_plain="js"))
    tables = [shown(text_html=f"<table><tr><td>cell {p}</td></tr></table>", text_plain="x") for p in payloads]
    written = "\n\n".join([*(filled(m, url) for m in MARKDOWN), *payloads])
    notebook = executed({"double": parts[0], "score": parts[1]}, explain=written, outputs=outputs)
    cell_of(notebook, "score").outputs = [*tables, error(parts[0][:200], parts[1])]
    cell_of(notebook, "double-test").outputs = [text(parts[0]), error(parts[1], "x")]
    cell_of(notebook, "score-test").outputs = [error("E", parts[0]), text(parts[1])]
    cell_of(notebook, "explain").attachments = {
        "a.svg": {"image/svg+xml": svg},
        "lie.png": {"image/png": lie},
        "real.png": {"image/png": RED},
    }
    notebook.cells += [new_code_cell(p, outputs=[error(p, p)]) for p in payloads[:10]]
    return notebook


def payload_page(course, url):
    payloads = [filled(p, url) for p in PAYLOADS]
    return page_of(
        course,
        payload_notebook(url),
        student=f'"><img src=x onerror={CANARY}>\u202e',
        mended=[{"cell": p, "kind": "test", "what": p} for p in payloads],
        reasons=[f"double: {p}" for p in payloads] + payloads,
    )


def test_payload_page_holds_plain_elements_only(course):
    page = payload_page(course, BEACON.format(port=1))
    assert "outputs are left out" not in page and page.count("characters left out") < 10  # so all of them were tried
    assert page.count("cell ") >= len(PAYLOADS) and page.count("&lt;script&gt;") > 60
    tags = "html head meta title style body main div span h1 h2 h3 p b i ul ol li section details summary pre bdi"
    tags += " table thead tbody tr th td img strong em code br"
    names = "class style src alt open colspan rowspan lang charset name content http-equiv"
    for tag, attributes in elements(page):
        assert tag in tags.split() and {name for name, _ in attributes} <= set(names.split()), (tag, attributes)
        if tag == "img":
            assert dict(attributes)["src"].startswith("data:image/png;base64,")
    found = [dict(a) for t, a in elements(page) if t == "meta"]
    assert [m["http-equiv"] for m in found if "http-equiv" in m] == ["Content-Security-Policy"]
    assert not any(c in page for c in "\x00\x1b\u202e\u200b\ufeff")
    for tag, attributes in elements(page.split("<body>")[1]):
        assert "style" not in dict(attributes) or (tag == "i" and dict(attributes)["style"].startswith("width:"))


def browser_path():
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome", "chrome")]
    return next(filter(None, found), None)


class Beacon(BaseHTTPRequestHandler):
    hits: list = []

    def do_GET(self):
        self.hits.append(self.path)
        self.send_response(200)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e '.[test]'")
    path = browser_path()
    with api.sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no browser: install chromium (apt install chromium) or run playwright install chromium")
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def beacon():
    Beacon.hits.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Beacon)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield BEACON.format(port=server.server_port)
    server.shutdown()


def opened(browser, path, **options):
    """The page in a new window, and what it did: requests, dialogs, windows and navigations."""
    window = browser.new_context(**options)
    tab, did = window.new_page(), []
    tab.on("dialog", lambda d: (did.append(f"dialog {d.message}"), d.dismiss()))
    tab.on("popup", lambda p: did.append(f"window {p.url}"))
    tab.on("framenavigated", lambda f: did.append(f"went to {f.url}"))
    window.on("request", lambda r: did.append(f"asked for {r.url}"))
    tab.goto(path.as_uri())
    tab.wait_for_timeout(500)
    return tab, did


@pytest.mark.parametrize("policy", [True, False], ids=["with content policy", "without content policy"])
def test_nothing_is_alive_in_a_browser(course, browser, beacon, tmp_path, policy):
    path = tmp_path / "page.html"
    path.write_text(payload_page(course, beacon), encoding="utf-8")
    tab, did = opened(browser, path, bypass_csp=not policy)
    for summary in tab.query_selector_all("summary"):
        summary.click()
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    for part in tab.query_selector_all("img, td, li, p")[:60]:
        part.hover(force=True, timeout=2000)
    tab.wait_for_timeout(300)
    assert sorted(did) == [f"asked for {path.as_uri()}", f"went to {path.as_uri()}"]
    assert Beacon.hits == []
    assert tab.evaluate("window.canary === undefined && document.scripts.length === 0 && frames.length === 0")
    images = tab.evaluate("[...document.images].map(i => [i.naturalWidth, i.naturalHeight, i.checkVisibility()])")
    assert len(images) >= 3 and all(image == [60, 40, True] for image in images)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if policy:  # the second wall by itself: what would get through is not run and not loaded
        tab.evaluate(f"document.body.insertAdjacentHTML('beforeend', `<img src='{beacon}' onerror='window.canary=1'>`)")
        tab.evaluate("s => {const e = document.createElement('script'); e.text = s; document.body.append(e)}", CANARY)
        tab.wait_for_timeout(300)
        assert Beacon.hits == [] and tab.evaluate("window.canary === undefined")
    tab.context.close()


def test_payloads_are_alive_where_nothing_is_cleaned(browser, beacon, tmp_path):
    """Without this the test above could pass because its payloads are dead anyway."""
    path = tmp_path / "raw.html"
    payloads = [filled(p, beacon) for p in PAYLOADS if "refresh" not in p]
    path.write_text("<meta charset=utf-8>" + "\n".join(payloads), encoding="utf-8")
    tab, did = opened(browser, path)
    assert tab.evaluate("window.canary") == 1 and len(Beacon.hits) > 5
    assert any(event.startswith("dialog") for event in did)
    tab.context.close()
