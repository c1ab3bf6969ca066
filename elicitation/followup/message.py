"""The message that invites somebody to come back: subject and body in a language of the study."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import translation
from django.utils.translation import gettext as _

from study.protocol.types import Protocol
from study.session.entry import interface_language

PLACE = "{link}"


@dataclass(frozen=True)
class Message:
    """subject and body; the body holds `{link}` where each person's own link goes."""

    language: str
    subject: str
    body: str

    def to(self, link: str) -> str:
        """The body with somebody's link."""
        return self.body.replace(PLACE, link)


def message(protocol: Protocol, language: str) -> Message:
    """In a language of the protocol; our own words in the nearest that they are translated into."""
    title, contact = protocol.say(protocol.title, language), protocol.contact
    with translation.override(interface_language(language)):
        subject = _("What became of your card: %(title)s") % {"title": title}
        paragraphs = [
            _("You took part in the study “%(title)s” and agreed to be asked once more.") % {"title": title},
            _(
                "The study is over. This page shows you what became of your card and where it stands among those of "
                "the others, and asks you whether that is right. It takes two minutes:"
            ),
            PLACE,
            _(
                "The link is yours alone: please do not pass it on. You need not answer, and nothing there changes "
                "your payment."
            ),
            f"{contact.name}, {contact.email}",
        ]
    return Message(language, " ".join(subject.split()), "\n\n".join(paragraphs))


def messages(protocol: Protocol) -> list[Message]:
    """One in each language of the protocol."""
    return [message(protocol, language) for language in protocol.languages]
