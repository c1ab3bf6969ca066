"""The documentation as a site, under /docs/: the Markdown files of docs/ as they are, read at the time."""

from __future__ import annotations

import mimetypes
import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, pairwise
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDER = Path(settings.BASE_DIR) / "docs"
INDEX = "README.md"
SHELVES = {
    "tutorial": "Tutorials",
    "how-to": "How to",
    "reference": "Reference",
    "explanation": "Explanation",
    "decisions": "Decisions",
}
SCROLLING = '<div class="scroll" tabindex="0" role="region" aria-label="Table {}"><table>'
FILES = (".png", ".svg", ".json", ".yaml", ".csv")


@dataclass(frozen=True)
class Doc:
    """One page: its address below /docs/, its title, and its HTML."""

    address: str
    title: str
    html: SafeString
    headings: tuple[tuple[str, str], ...]


@require_safe
def page(request: HttpRequest, name: str) -> HttpResponseBase:
    """A page or a picture of docs/. Nothing outside that folder can be named: only files that are listed are read."""
    if name.endswith(".md"):
        return HttpResponseRedirect(request.path.removesuffix(".md").removesuffix("README"))
    if name in listed() and name.endswith(FILES):
        kind = mimetypes.guess_type(name)[0] or "text/plain"
        return FileResponse((FOLDER / name).open("rb"), content_type=kind)
    shelf = name.strip("/")
    if shelf in SHELVES and f"{shelf}/{INDEX}" not in listed():
        return _rendered(request, Doc(shelf, SHELVES[shelf], SafeString(""), ()), shelf)
    source = f"{shelf}/{INDEX}" if shelf in SHELVES else f"{shelf}.md" if shelf else INDEX
    if source not in listed():
        raise Http404
    path = FOLDER / source
    return _rendered(request, read(source, path.stat().st_mtime_ns), "")


def _rendered(request: HttpRequest, doc: Doc, shelf: str) -> HttpResponse:
    here = doc.address
    shelves = [(label, folder, pages_of(folder)) for folder, label in SHELVES.items()]
    return render(request, "config/docs.html", {"doc": doc, "shelves": shelves, "here": here, "only": shelf})


@lru_cache(maxsize=1)
def listed() -> frozenset[str]:
    """Every file of docs/ by its path below it. Made once a process."""
    files = (path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())
    return frozenset(name for name in files if name.endswith((".md", *FILES)))


def pages_of(folder: str) -> list[tuple[str, str]]:
    """The pages of a shelf as (address, title), by title."""
    names = [n for n in listed() if n.startswith(f"{folder}/") and n.endswith(".md") and n.count("/") == 1]
    found = [(name.removesuffix(".md"), title_of(name)) for name in names if not name.endswith(INDEX)]
    return sorted(found, key=lambda row: row[0] if folder == "decisions" else row[1])


@lru_cache(maxsize=500)
def title_of(name: str) -> str:
    """A page's first heading, else its file's name."""
    with (FOLDER / name).open(encoding="utf-8") as lines:
        heading = next((line for line in lines if line.startswith("# ")), "")
    return heading.removeprefix("# ").strip().replace("`", "") or PurePosixPath(name).stem


@lru_cache(maxsize=200)
def read(source: str, changed: int) -> Doc:
    """A page as HTML; `changed` is the file's time, so that an edited file is read again."""
    text = (FOLDER / source).read_text(encoding="utf-8")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    headings = _named_headings(tokens)
    for token in tokens:
        _local_links(token, posixpath.dirname(source))
    html = markdown.renderer.render(tokens, markdown.options, {})
    number = count(1)
    html = re.sub("<table>", lambda _: SCROLLING.format(next(number)), html)
    html = html.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')
    html = html.replace("<th></th>", "<td></td>")
    address = source.removesuffix(".md").removesuffix("README").strip("/")
    # The files are our own and Markdown's HTML is switched off: what is rendered is safe.
    return Doc(address, title_of(source), mark_safe(html), tuple(headings))  # noqa: S308


def _named_headings(tokens: list[Token]) -> list[tuple[str, str]]:
    """Give every heading an id; returns those of the second level, for the page's own list."""
    taken: set[str] = set()
    second = []
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        words = "".join(
            part.content for part in inline.children or [] if part.type in ("text", "code_inline")
        )
        ident = base = slugify(words) or "part"
        number = 2
        while ident in taken:
            ident, number = f"{base}-{number}", number + 1
        taken.add(ident)
        opening.attrSet("id", ident)
        if opening.tag == "h2":
            second.append((ident, words))
    return second


def _local_links(token: Token, folder: str) -> None:
    """Links between files become links between pages; files outside docs/ are left as words."""
    for part in token.children or []:
        name = {"link_open": "href", "image": "src"}.get(part.type)
        target = str(part.attrGet(name) or "") if name else ""
        if not name or not target or re.match(r"[a-z]+:|#|/", target):
            continue
        path, hash_, anchor = target.partition("#")
        inside = posixpath.normpath(posixpath.join(folder, path))
        if inside in listed() or (FOLDER / inside).is_dir():
            address = inside.removesuffix(".md").removesuffix("README").strip("/")
            slash = "" if inside.endswith(FILES) else "/" if address else ""
            part.attrSet(name, f"/docs/{address}{slash}{hash_}{anchor}")
        elif part.type == "link_open":
            part.attrs = {"title": f"In the source: {target}"}
