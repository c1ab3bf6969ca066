"""The protocol's texts are Markdown without HTML: they become safe HTML here and nowhere else."""

from functools import lru_cache

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False}).disable("image")


@lru_cache(maxsize=4096)
def rich(text: str) -> SafeString:
    """Block HTML (paragraphs, headings, lists) of a CommonMark text; raw HTML in it is shown as text."""
    return SafeString(_MARKDOWN.render(text))  # HTML is switched off in the renderer; it checks links too


@lru_cache(maxsize=4096)
def rich_line(text: str) -> SafeString:
    """The same for a single line: emphasis and links, no paragraph around it."""
    return SafeString(
        _MARKDOWN.renderInline(text)
    )  # HTML is switched off in the renderer; it checks links too
