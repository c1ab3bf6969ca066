"""A small HTTP/1.1 client over asyncio streams: keep-alive and cookies, and little else, to stay out of the way.

The client shares the machine with the server it measures, so its own cost is kept below that of any HTTP library.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


class Browser:
    """One participant's connection and cookies. Redirects are followed by the caller, who times them."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.cookies: dict[str, str] = {}
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, url: str) -> Answer:
        return await self._request("GET", url, None)

    async def post(self, url: str, fields: list[tuple[str, str]]) -> Answer:
        return await self._request("POST", url, urlencode(fields).encode())

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def _request(self, method: str, url: str, body: bytes | None) -> Answer:
        reused = self._writer is not None
        try:
            return await self._exchange(method, url, body)
        except (ConnectionError, asyncio.IncompleteReadError):
            # The server closed an idle connection: a browser asks again on a new one, for a GET.
            if not reused or method != "GET":
                raise
            self._writer = None
            return await self._exchange(method, url, body)

    async def _exchange(self, method: str, url: str, body: bytes | None) -> Answer:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        reader, writer = self._reader, self._writer
        assert reader is not None
        parts = urlsplit(url)
        lines = [f"{method} {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1"]
        lines += [f"Host: {self.host}:{self.port}", "Accept: text/html", "Accept-Language: en"]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if body is not None:
            lines += [f"Content-Length: {len(body)}", "Content-Type: application/x-www-form-urlencoded"]
        writer.write("\r\n".join([*lines, "\r\n"]).encode() + (body or b""))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(": ")
            if name.lower() == "set-cookie":
                cookie, _, content = value.partition(";")[0].partition("=")
                self.cookies[cookie] = content
            elif name:
                headers[name.lower()] = value
        text = await self._body(reader, headers)
        if headers.get("connection", "").lower() == "close":
            writer.close()
            self._writer = None
        return Answer(int(head[0].split(" ", 2)[1]), headers, text)

    async def _body(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> str:
        if "content-length" in headers:
            return (await reader.readexactly(int(headers["content-length"]))).decode()
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return ""
        chunks = []
        while size := int(await reader.readline(), 16):
            chunks.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return b"".join(chunks).decode()
