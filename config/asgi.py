"""The ASGI entry point, `config.asgi:application`: pages in a few lasting threads, event streams asynchronously."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("HEED_DB_POOL", "1")

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

from config.bridge import ThreadedPages


def make_application(threads: int) -> ThreadedPages:
    pages, rest = get_wsgi_application(), get_asgi_application()
    from llm.asgi import EventStreams  # its models can be imported once Django is set up

    return ThreadedPages(pages, EventStreams(rest), threads=threads, max_body=settings.MAX_BODY)


application = make_application(settings.WEB_THREADS)
