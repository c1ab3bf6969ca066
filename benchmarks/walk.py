"""Participants who fill in whatever form they meet, as fast as the server lets them."""

from __future__ import annotations

import asyncio
import html
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.client import Answer, Browser

CONTROL = re.compile(r"<(input|textarea|select|button)\b([^>]*)>", re.IGNORECASE)
ATTRIBUTE = re.compile(r"""([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
OPTION = re.compile(r"""<option\b[^>]*?\bvalue\s*=\s*"([^"]+)\"""", re.IGNORECASE)
FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.IGNORECASE | re.DOTALL)
TAGS = re.compile(r"(<[^>]+>|\s)+")
NUMBER, WORDS = "42", "I read the answer and compared it with what I knew."


class Stuck(RuntimeError):
    """A page that could not be answered; the message holds the beginning of what the server said."""


@dataclass
class Record:
    """What one run saw: seconds of every page turn (post, redirect, next page), and what went wrong."""

    turns: list[float] = field(default_factory=list)
    finished: int = 0
    failures: list[str] = field(default_factory=list)


def attributes(text: str) -> dict[str, str]:
    return {name.lower(): html.unescape(a or b or c) for name, a, b, c in ATTRIBUTE.findall(text)}


def main_form(page: str) -> tuple[str, str] | None:
    """(action, inside) of the first form that posts, or None on a page that ends the walk."""
    for opening, inside in FORM.findall(page):
        given = attributes(opening)
        if given.get("method", "").lower() == "post":
            return given.get("action", ""), inside
    return None


def fill(inside: str, right: dict[str, str]) -> list[tuple[str, str]]:
    """An answer for every control: what `right` says, else the first choice, a number or a word."""
    fields: dict[str, str] = {}
    button: tuple[str, str] | None = None
    for tag, rest in CONTROL.findall(inside):
        given = attributes(rest)
        name, kind, value = given.get("name"), given.get("type", "").lower(), given.get("value", "")
        if not name:
            continue
        if tag == "button" or kind == "submit":
            button = button or (name, value)
        elif kind == "hidden":
            fields[name] = value
        elif kind in ("radio", "checkbox"):
            wanted = right.get(name)
            if name not in fields or value == wanted:
                fields[name] = value
        elif tag == "select":
            fields[name] = right.get(name) or html.unescape(next(iter(OPTION.findall(inside)), ""))
        elif given.get("tabindex") != "-1":  # -1: a trap for robots, which people never see or fill in
            fields[name] = right.get(name) or (NUMBER if kind in ("number", "range") else WORDS)
    return [*fields.items(), *([button] if button else [])]


async def follow(browser: Browser, answer: Answer) -> tuple[Answer, str]:
    """Go where redirects lead; returns the page and the path of the last redirect."""
    path = ""
    while answer.status in (301, 302, 303, 307):
        parts = urlsplit(answer.headers["location"])
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        answer = await browser.get(path)
    return answer, path


async def participate(
    host: str, port: int, entry: str, right: dict[str, str], record: Record, longest: int = 60
) -> None:
    """Walk from `entry` to the page without a form, timing every page turn."""
    browser = Browser(host, port)
    try:
        page, here = await follow(browser, await browser.get(entry))
        for _ in range(longest):
            form = main_form(page.body) if page.status == 200 else None
            if form is None:
                break
            action, inside = form
            target = action or here or entry
            start = time.perf_counter()
            page, there = await follow(browser, await browser.post(target, fill(inside, right)))
            record.turns.append(time.perf_counter() - start)
            here = there or here
        if page.status != 200:
            raise Stuck(f"{here}: {page.status} {page.body[:300]}")
        if form is not None:
            raise Stuck(f"{here}: still on a form after {longest} pages: {TAGS.sub(' ', page.body)[:600]}")
        record.finished += 1
    except (OSError, Stuck, asyncio.IncompleteReadError) as error:
        record.failures.append(repr(error))
    finally:
        browser.close()


async def crowd(
    host: str, port: int, entries: list[str], at_once: int, right: dict[str, str]
) -> tuple[Record, float]:
    """Send one participant to every entry, `at_once` at a time; returns the record and the seconds it took."""
    record, waiting = Record(), iter(entries)

    async def lane() -> None:
        for entry in waiting:
            await participate(host, port, entry, right, record)

    start = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(at_once)))
    return record, time.perf_counter() - start
