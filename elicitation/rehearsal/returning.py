"""Personas come back by their personal links when the study is closed, see what became of their card, and answer."""

from __future__ import annotations

import asyncio
import html
import re
from collections import Counter

import aiohttp
import numpy as np

from study.rehearsal.forms import ATTRIBUTE, CONTROL

TITLE = re.compile(r'<section class="answer">\s*<h3>(.*?)</h3>', re.DOTALL)
FAIR = 0.88  # who finds a place fair, as in the published run
REASONS = {"same_why": "It says what I meant, in other words.", "fair_why": "I would have put it near there."}
REASON = 0.4  # who gives one


async def come_back(url: str, links: list[str], *, at_once: int, seed: int) -> Counter[str]:
    """Everybody opens their link and sends the form, `at_once` at a time: how many "answered", were asked "nothing", or
    which status stopped them."""
    places = asyncio.Semaphore(at_once)

    async def one(number: int, link: str) -> str:
        rng = np.random.default_rng([seed, 23, number])
        jar = aiohttp.CookieJar(unsafe=True)  # the address is a number
        async with places, aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(120)) as http:
            return await _answered(http, f"{url}{link}", rng)

    return Counter(await asyncio.gather(*(one(number, link) for number, link in enumerate(links))))


async def _answered(http: aiohttp.ClientSession, address: str, rng: np.random.Generator) -> str:
    async with http.get(address) as shown:
        body = await shown.text()
        if shown.status != 200:
            return f"status {shown.status}"
    form = answers(body, rng)
    if not any(name in form for name in ("same", "fair")):
        return "nothing"
    async with http.post(address, data=form, headers={"Referer": address}) as sent:
        return "answered" if sent.status == 200 and sent.history else f"status {sent.status}"


def answers(page: str, rng: np.random.Generator) -> dict[str, str]:
    """The form as somebody fills it in who reads titles: the card that speaks for theirs says the same when it has the
    same one."""
    titles = [html.unescape(title) for title in TITLE.findall(page)]
    says = {
        "same": "yes" if len(set(titles[:2])) == 1 else "no",
        "fair": "yes" if rng.random() < FAIR else "no",
    }
    found = {}
    for tag, attributes in CONTROL.findall(page):
        given = {name: html.unescape(value) for name, value in ATTRIBUTE.findall(attributes)}
        name = given.get("name", "")
        if given.get("type") == "hidden":
            found[name] = given.get("value", "")
        elif name in says:
            found[name] = says[name]
        elif tag == "textarea" or name in REASONS:
            found[name] = REASONS[name] if rng.random() < REASON else ""
    return found
