"""Text, tables, written answers and pictures of students: what is kept, what is refused, and at what cost."""

import base64
import io
import time

import numpy as np
import pytest
from feedback_pages import elements, encoded
from PIL import Image, PngImagePlugin

from autograder import safe

DOT = "data:image/png;base64,QQ=="


def decoded(uri):
    head, data = uri.split(",")
    return head, base64.b64decode(data)


# --- text ---


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[0;31mred\x1b[0m \x1b[38;5;12mblue\x1b[m", "red blue"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title\x07x", "x"),
        ("a\x1b]not ended, so not hidden", "anot ended, so not hidden"),
        ("\x1bPq#0;2\x1b\\a\x9b31mb", "a31mb"),
        ("0%\r50%\r100%\nnext\r\nlast\r", "100%\nnext\nlast"),
        ("a\x00b\x07c\ud800d", "abcd"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("if ok: \u202e}return\u2066", "if ok: \u27e8U+202E\u27e9}return\u27e8U+2066\u27e9"),
        ("x\u200b = 1\ufeff", "x\u27e8U+200B\u27e9 = 1\u27e8U+FEFF\u27e9"),
        ("\U0001f469\u200d\U0001f52c \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", None),
        ("e\u0301a\u0308", None),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 3),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_plain(text, shown):
    assert safe.plain(text, most=1000) == (text if shown is None else shown)


def test_plain_cuts_in_the_middle_and_says_how_much():
    text = safe.plain("a" * 5000 + "b" * 5000, most=100)
    assert len(text) < 150 and text.startswith("a") and text.endswith("b")
    assert "9,900 characters left out" in text
    assert safe.plain("a" * 100, most=100) == "a" * 100
    assert "1 character left out" in safe.plain("a" * 101, most=100)
    assert "\n\u2026 999,900 characters left out \u2026\n" in safe.plain("a" * 1_000_000, most=100)


@pytest.mark.parametrize("part", ["\x1b]", "\x1b[", "\x1b[1", "\x1b ", "\x1bP\\", "\r", "e\u0301", "a\r\n", "\u202e"])
def test_plain_takes_no_more_time_than_the_text_is_long(part):
    start = time.process_time()
    safe._clean(part * 200_000)
    assert len(safe.plain(part * 20_000_000, most=4000)) < 40_000
    assert time.process_time() - start < 3


# --- tables ---


def test_table_of_pandas_is_kept():
    import pandas as pd

    frame = pd.DataFrame({"auc": [0.91, 0.5], "<b>model</b>": ["CNN", "<script>x</script>"]})
    html = safe.table(frame._repr_html_())
    assert html.count("<tr>") == 3 and "<td>0.91</td>" in html
    assert "style" not in html and "class" not in html and "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ("<table onclick=x id=a class=b style='c'><tr><td>1", "<table><tbody><tr><td>1</td></tr></tbody></table>"),
        ("<b>no table</b>", ""),
        ("<!-- <table> -->x", ""),
        ("<table>" + "x" * safe.MAX_TABLE, ""),
    ],
)
def test_table(html, clean):
    assert safe.table(html) == clean


@pytest.mark.parametrize(
    "cell",
    [
        "<script>GONE</script>",
        "<style>@import url(//GONE)</style>",
        "<img src=//GONE onerror=GONE>",
        "<svg><style><a title='</style><img src=GONE onerror=GONE>'></svg>",
        "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=GONE onerror=GONE&gt;'>",
        "<a href='javascript:GONE'></a>",
        "<template><iframe srcdoc=GONE></template>",
        "<i style='background:url(//GONE)' onmouseover=GONE></i>",
        "<form action=//GONE><input formaction=GONE></form>",
        "<noscript><p title='</noscript><img src=GONE onerror=GONE>'></noscript>",
        "&#27;[<b onclick=GONE></b>",
        "<td colspan=GONE rowspan=100000>",
    ],
)
def test_table_keeps_nothing_alive(cell):
    html = safe.table(f"<table><tr><td>left{cell}</td><td>right</td></table>")
    assert "left" in html
    assert set(elements(html)) <= {(tag, ()) for tag in (*safe.TABLE_TAGS, *safe.INLINE_TAGS)}


def test_escape_made_by_an_entity_does_not_eat_a_tag():
    assert "<td>a[</td><td>b</td>" in safe.table("<table><tr><td>a&#27;[</td><td>b</td></tr></table>")


def test_small_spans_are_kept_and_large_ones_are_not():
    html = safe.table("<table><tr><td colspan=2 rowspan=65534>a<td colspan='3x'>b")
    assert '<td colspan="2">a' in html and "<td>b" in html


def test_words():
    assert safe.words("<p>1 &lt; 2</p><script>x</script>&#x202e;", most=99) == "1 < 2\u27e8U+202E\u27e9"


# --- written answers ---


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**Leak**, so `auc` is high.", "<p><strong>Leak</strong>, so <code>auc</code> is high.</p>"),
        ("<b onclick=x>y</b>", "<p>&lt;b onclick=x&gt;y&lt;/b&gt;</p>"),
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>"),
        ("[a](javascript:x)", "<p>a</p>"),
        ("[a](JaVaScRiPt&colon;x)", "<p>a</p>"),
        ("[a](data:text/html,x)", "<p>a</p>"),
        ("[a](https://b.example/?q=1)", "<p>a (https://b.example/?q=1)</p>"),
        ("<https://b.example>", "<p>https://b.example</p>"),
        (
            "![plot](https://b.example/x.png)",
            "<p>[picture plot, not shown: only pictures attached to the cell are shown]</p>",
        ),
        (f"![plot]({DOT})", "<p>[picture plot, not shown: only pictures attached to the cell are shown]</p>"),
        ("![plot](attachment:a%20b.png)", f'<p><img src="{DOT}" alt="plot"></p>'),
        ('![x" onerror="y](attachment:a%20b.png)', f'<p><img src="{DOT}" alt="x&quot; onerror=&quot;y"></p>'),
        ("![plot](attachment:other.png)", "<p>[picture plot, not shown: no such file]</p>"),
        ("a &#x202e; b", "<p>a &amp;#x202e; b</p>"),
        ("```python\nx < y\n```", "<pre><code>x &lt; y\n</code></pre>"),
        ("|a|\n|-|\n|1|", None),
        ("$\\href{javascript:x}{y}$", "<p>$\\href{javascript:x}{y}$</p>"),
    ],
)
def test_prose(text, html):
    def attached(name):
        if name != "a b.png":
            raise safe.Refused("no such file")
        return DOT

    found = safe.prose(text, most=1000, attached=attached).strip()
    assert found == html if html else "<table>" in found


@pytest.mark.parametrize("part", ["[", "![", "*a ", "> ", "- ", "[a](", "`", "<a ", "|a|b|\n|-|-|\n", "_*", "<!--"])
def test_prose_of_mischief_is_done_soon(part):
    start = time.process_time()
    safe.prose((part * 20_000)[:20_000], most=20_000)
    assert time.process_time() - start < 3


# --- pictures ---


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_png_of_any_mode_is_kept(mode):
    grey = Image.fromarray(np.tile(np.arange(40, dtype=np.uint8) * 6, (30, 1)))
    image = Image.fromarray(np.full((30, 40), 40_000, np.uint16)) if mode == "I;16" else grey.convert(mode)
    head, raw = decoded(safe.picture(encoded(image), "image/png"))
    again = Image.open(io.BytesIO(raw))
    assert head == "data:image/png;base64" and again.format == "PNG" and again.size == (40, 30)
    if mode == "I;16":
        assert np.ptp(np.asarray(again)) == 0 and abs(int(np.asarray(again)[0, 0]) - 156) <= 1
    if mode in ("L", "RGB"):
        assert np.array_equal(np.asarray(again.convert("L")), np.asarray(grey))


def test_nothing_but_pixels_is_left():
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "SECRET<script>")
    raw = base64.b64decode(encoded(Image.new("RGB", (20, 20), "red"), pnginfo=info)) + b"SECRET<script>"
    _, found = decoded(safe.picture(base64.b64encode(raw).decode(), "image/png"))
    assert b"SECRET" in raw and b"SECRET" not in found
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "SECRET"  # turned by 90 degrees; description
    photo = encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif, comment=b"SECRET")
    _, found = decoded(safe.picture(photo, "image/jpeg"))
    assert b"SECRET" not in found and Image.open(io.BytesIO(found)).size == (20, 40)


def test_large_picture_is_made_smaller():
    noise = np.random.default_rng(0).integers(0, 255, (1500, 3000, 3), dtype=np.uint8)
    head, raw = decoded(safe.picture(encoded(Image.fromarray(noise), "JPEG", quality=60), "image/jpeg"))
    assert head == "data:image/jpeg;base64" and Image.open(io.BytesIO(raw)).size == (1400, 700)
    assert len(raw) < 1_500_000


RED = encoded(Image.new("RGB", (20, 20), "red"))


@pytest.mark.parametrize(
    ("data", "mime", "why"),
    [
        (lambda: "<svg onload=x>", "image/svg+xml", "PNG and JPEG are shown"),
        (lambda: encoded(Image.new("RGB", (9, 9)), "GIF"), "image/gif", "PNG and JPEG are shown"),
        (lambda: encoded(Image.new("RGB", (9, 9)), "GIF"), "image/png", "says PNG, but is none"),
        (lambda: RED, "image/jpeg", "says JPEG, but is none"),
        (lambda: base64.b64encode(b"<script>x</script>").decode(), "image/png", "says PNG, but is none"),
        (lambda: base64.b64encode(b"\x89PNG\r\n\x1a\n<script>").decode(), "image/png", "damaged"),
        (lambda: '"><script>x</script>', "image/png", "damaged"),
        (lambda: "\u00e4" * 8, "image/png", "damaged"),
        (lambda: base64.b64encode(base64.b64decode(RED)[:-30]).decode(), "image/png", "damaged"),
        (lambda: "A" * (safe.MAX_PICTURE + 1), "image/png", "larger than 6 MB"),
        (lambda: encoded(Image.new("1", (5000, 5000))), "image/png", "5000 x 5000 pixels"),
        (lambda: encoded(Image.new("1", (21_000, 2))), "image/png", "21000 x 2 pixels"),
        (lambda: encoded(Image.new("1", (20_000, 20_000))), "image/png", "too many pixels"),
    ],
)
def test_picture_is_refused(data, mime, why):
    start = time.process_time()
    data = data()
    made = time.process_time() - start
    with pytest.raises(safe.Refused, match=why):
        safe.picture(data, mime)
    assert time.process_time() - start - made < 1


def test_text_bomb_in_a_png_is_refused():
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a" * 50_000_000, zip=True)
    data = encoded(Image.new("RGB", (9, 9)), pnginfo=info)
    assert len(data) < 100_000
    with pytest.raises(safe.Refused):
        safe.picture(data, "image/png")


def test_jpeg_of_many_scans_is_refused():
    raw = base64.b64decode(encoded(Image.new("L", (3000, 3000)), "JPEG", progressive=True))
    last = raw.rindex(b"\xff\xda")
    scans = raw[:last] + raw[last:-2] * 500 + raw[-2:]
    with pytest.raises(safe.Refused, match="damaged"):
        safe.picture(base64.b64encode(scans).decode(), "image/jpeg")
    assert safe.picture(base64.b64encode(raw).decode(), "image/jpeg")
