"""The ASGI entry point, `config.asgi:application`: pages in a few lasting threads, event streams asynchronously."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("HEED_DB_POOL", "1")

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

from config.bridge import ThreadedPages

GARBAGE = (
    50_000,
    20,
    20,
)  # a page makes some 10,000 objects; collecting every 700 cost a twentieth of its time


def make_application(threads: int) -> ThreadedPages:
    pages, rest = get_wsgi_application(), get_asgi_application()
    from llm.asgi import EventStreams  # its models can be imported once Django is set up

    return ThreadedPages(pages, EventStreams(rest), threads=threads, max_body=settings.MAX_BODY)


application = make_application(settings.WEB_THREADS)
gc.collect()
gc.freeze()  # what was loaded stays: the collector need not look at it again
gc.set_threshold(*GARBAGE)
