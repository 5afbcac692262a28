"""What a student made, made harmless for a page: text, tables, written answers, pictures.

Text is freed of what a terminal or a browser would obey and a reader would not see. HTML and Markdown go through
nh3 with a short list of tags and no links. Pictures are decoded and encoded anew, so that pixels are all that is
left of a file. Nothing here raises for bad input, except `picture`, which says in words why it refuses one.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import unquote

import mistune
import nh3
from markupsafe import Markup
from PIL import Image, ImageOps

MAX_TABLE = 60_000  # characters of an HTML output; a longer one is shown as text
MAX_PICTURE = 8_000_000  # characters of a picture in base64
MAX_PIXELS = 16_000_000  # 4000 x 4000; decoded at most 64 MB
MAX_SCANS = 40  # of a JPEG; progressive files have about ten, each costs a pass over all pixels
SHOWN_SIDE = 1400  # pixels; the page is 1080 wide
LARGE_PNG = 400_000  # bytes; above this a photograph-like picture is smaller as JPEG

# Terminal colours and titles. An escape that is not ended loses its introducer only, so that no text is hidden.
# The quantifiers give nothing back: with `.*?` a cell that prints "\x1b]" without end would take minutes to clean.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|[\]PX^_][^\x07\x1b]*+(?:\x07|\x1b\\)|[ -/]*+[0-~])?")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Characters that turn the order of a line round or take no room: code could read otherwise than it runs.
# The joiners U+200C and U+200D stay: scripts and emoji need them.
UNSEEN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_MARK = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
STACKED = re.compile(rf"([{_MARK}]{{3}})[{_MARK}]+")  # marks piled over the lines above

TABLE_TAGS = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption"}
INLINE_TAGS = {"b", "i", "em", "strong", "code", "br", "sub", "sup", "del"}
PROSE_TAGS = {"p", "pre", "ul", "ol", "li", "blockquote", "hr", "img", *(f"h{k}" for k in range(1, 7))}
# Their content goes with them; of every other tag the text stays.
GONE_TAGS = {"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "title", "xmp", "head"}
SPANS = {"colspan", "rowspan"}


class Refused(Exception):
    """A picture that is not shown; the message says why, to be read after "not shown: "."""


# --- text ---


def joined(value: Any, by: str = "") -> str:
    """Text as a notebook keeps it: a string or a list of strings; "" for anything else."""
    if isinstance(value, list):
        return by.join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def plain(text: object, *, most: int) -> str:
    """Text without terminal codes and control characters, unseen characters made visible.

    Of a line that was written over (a progress bar) the last state stays. What is longer than `most` is cut in the
    middle, and a line says how much is left out.
    """
    text, left = str(text), 0
    if len(text) > 8 * most:  # cut before the work: what comes in may be 100 MB
        left = len(text) - 8 * most
        head, tail = _clean(text[: 4 * most]), _clean(text[-4 * most :])
    else:
        head, tail = _clean(text), ""
    if not left and len(head) <= most:
        return head
    whole = head if not left else f"{head}{tail}"
    half = min(most // 2, len(head))
    end = whole[len(whole) - min(most // 2, len(whole) - half) :]
    left += len(whole) - half - len(end)
    return f"{whole[:half]}\n\u2026 {left:,} character{'s'[: left > 1]} left out \u2026\n{end}"


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return STACKED.sub(r"\1", _visible(ESCAPES.sub("", text))).strip("\n")


def _visible(text: str) -> str:
    """One character at a time, so that it may also be used on HTML that is clean already."""
    return UNSEEN.sub(lambda m: f"\u27e8U+{ord(m[0]):04X}\u27e9", CONTROLS.sub("", text))


# --- HTML and Markdown ---


def table(html: str) -> Markup:
    """The tables in an HTML output as bare table tags with their text; empty where there is none, or it is large."""
    if len(html) > MAX_TABLE or "<table" not in html.lower():
        return Markup("")
    found = _bare(html, TABLE_TAGS | INLINE_TAGS | {"p"})
    return found if "<table" in found else Markup("")


def words(html: str, *, most: int) -> str:
    """The text of an HTML output without any tag, as plain text (to be escaped again)."""
    return plain(Markup(_bare(html[: 8 * most], set())).unescape(), most=most)


def prose(text: str, *, most: int, attached: Callable[[str], str] | None = None) -> Markup:
    """A written answer in Markdown as HTML without links, raw HTML or foreign pictures.

    `attached(name)` gives the data: URI of a picture attached to the cell, or raises `Refused`.
    """
    pictures: set[str] = set()
    renderer = _Answer(attached or _none_attached, pictures)
    render = mistune.create_markdown(renderer=renderer, plugins=["table", "strikethrough"])
    text = plain(text, most=most)
    try:
        html = render(text)
    except RecursionError:  # no known text does this; then the text as it stands
        html = f"<pre>{escape(text)}</pre>"
    return _bare(html, TABLE_TAGS | INLINE_TAGS | PROSE_TAGS, pictures)


def _none_attached(name: str) -> str:
    raise Refused("it is not attached to the cell")


class _Answer(mistune.HTMLRenderer):
    """Links as text with their address, pictures only where they are attached, HTML as the text that it is."""

    def __init__(self, attached: Callable[[str], str], pictures: set[str]):
        super().__init__(escape=True)
        self._attached, self._pictures = attached, pictures

    def link(self, text: str, url: str, title: str | None = None) -> str:
        shown = escape(url) if re.match(r"(?:https?://|mailto:)", url, re.I) else ""
        return f"{text} ({shown})" if shown and shown not in text else text

    def image(self, text: str, url: str, title: str | None = None) -> str:
        alt = escape(Markup(text).striptags(), quote=True)
        try:
            if not url.startswith("attachment:"):
                raise Refused("only pictures attached to the cell are shown")
            source = self._attached(unquote(url.removeprefix("attachment:")))
        except Refused as why:
            return f"[picture {alt}, not shown: {escape(str(why))}]"
        self._pictures.add(source)
        return f'<img src="{source}" alt="{alt}">'


def _bare(html: str, tags: set[str], pictures: set[str] = frozenset()) -> Markup:
    """HTML with these tags only, without attributes but small spans and the sources named in `pictures`."""

    def keep(tag: str, name: str, value: str) -> str | None:
        if name == "src":
            return value if value in pictures else None
        return value if name == "alt" or re.fullmatch(r"[1-9]\d?", value) else None

    attributes = {"td": SPANS, "th": SPANS, "img": {"src", "alt"}, "ol": {"start"}}
    clean = nh3.clean(
        html.encode("utf-8", "replace").decode("utf-8"),  # Rust knows no lone surrogates
        tags=tags,
        clean_content_tags=GONE_TAGS,
        attributes={tag: names for tag, names in attributes.items() if tag in tags},
        attribute_filter=keep,
        url_schemes={"data"} if pictures else set(),
        strip_comments=True,
        link_rel=None,
    )
    return Markup(_visible(clean))


# --- pictures ---


def picture(data: str, mime: str) -> str:
    """A PNG or JPEG in base64, decoded and encoded anew, as a data: URI.

    Larger than `SHOWN_SIDE` pixels is made smaller; text and profiles in the file are left behind. Raises `Refused`
    for another type, for content that is not of that type, and for what is damaged or too large.
    """
    kinds = {"image/png": ("PNG", b"\x89PNG\r\n\x1a\n"), "image/jpeg": ("JPEG", b"\xff\xd8\xff")}
    if mime not in kinds:
        raise Refused(f"its type is {mime[:40]}; PNG and JPEG are shown")
    kind, magic = kinds[mime]
    if len(data) > MAX_PICTURE:
        raise Refused(f"the file is larger than {MAX_PICTURE * 3 / 4e6:.0f} MB")
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("its data are damaged") from None
    if not raw.startswith(magic):
        raise Refused(f"the file says {kind}, but is none")
    if kind == "JPEG" and raw.count(b"\xff\xda") > MAX_SCANS:
        raise Refused("its data are damaged")
    try:
        return _encoded(_decoded(raw, kind))
    except Refused:
        raise
    except Image.DecompressionBombError:
        raise Refused("it has too many pixels; make it smaller, e.g. with savefig(dpi=100)") from None
    except Exception:  # Pillow raises many kinds for damaged files
        raise Refused("its data are damaged") from None


def _decoded(raw: bytes, kind: str) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large pictures, which are refused below
        image = Image.open(io.BytesIO(raw), formats=[kind])
        width, height = image.size
        if width * height > MAX_PIXELS or max(width, height) > 20_000:
            raise Refused(f"it has {width} x {height} pixels; make it smaller, e.g. with savefig(dpi=100)")
        image.load()
    if kind == "JPEG":
        image = ImageOps.exif_transpose(image)  # a photograph of a page written by hand
    if image.mode.startswith("I"):  # 16 bits; convert() would clip
        image = image.point(lambda value: value / 256).convert("L")
    clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    image = image.convert("RGBA" if clear else "L" if image.mode in ("1", "L") else "RGB")
    if max(image.size) > SHOWN_SIDE:
        image.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    return image


def _encoded(image: Image.Image) -> str:
    mime, file = "image/png", io.BytesIO()
    image.info = {}  # no comment, profile or text of the old file
    image.save(file, "PNG")
    if file.tell() > LARGE_PNG:
        mime, file = "image/jpeg", io.BytesIO()
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        white.convert("RGB").save(file, "JPEG", quality=85)
    return f"data:{mime};base64,{base64.b64encode(file.getvalue()).decode()}"
