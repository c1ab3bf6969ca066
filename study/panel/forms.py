"""Input of the panel, cleaned. Rules that the database keeps are not repeated here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from study.panel.access import visible
from study.protocol import shipped
from study.protocol.yaml import MAX_BYTES
from study.registration.models import Study


class NewStudy(forms.Form):
    """A new study, by one of four ways."""

    WAYS = [
        ("shipped", "A protocol that comes with Heed"),
        ("file", "A YAML file"),
        ("text", "Pasted YAML"),
        ("copy", "A copy of a study"),
    ]
    way = forms.ChoiceField(choices=WAYS, widget=forms.RadioSelect, initial="shipped", label="Begin with")
    shipped = forms.ChoiceField(required=False, label="Protocol")
    file = forms.FileField(required=False, label="YAML file")
    text = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "code"}),
        label="YAML",
    )
    copied = forms.ChoiceField(required=False, label="Study")
    mode = forms.ChoiceField(choices=Study.Mode.choices, initial=Study.Mode.REAL, label="Mode")
    slug = forms.SlugField(
        max_length=80,
        required=False,
        label="Name in links",
        help_text="Leave empty to use the protocol's id.",
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["shipped"].choices = [(name, name) for name in shipped()]  # type: ignore[attr-defined]
        self.mine = visible(user)
        copies = self.mine.values_list("slug", "title", "mode")
        self.fields["copied"].choices = [("", "—"), *((s, f"{t} ({m}: {s})") for s, t, m in copies)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The chosen way has what it needs: `source` is then a Path, a text, or the study to copy."""
        data = super().clean() or {}
        way: str = data.get("way") or ""
        field = "copied" if way == "copy" else way
        if way and not data.get(field):
            raise ValidationError({field: "Choose one." if way in ("shipped", "copy") else "This is empty."})
        match way:
            case "shipped":
                data["source"] = shipped()[data["shipped"]]
            case "text":
                data["source"] = plain(data["text"])
            case "file":
                data["source"] = self._file(data["file"])
            case "copy":
                data["source"] = self.mine.defer(None).get(slug=data["copied"])
        return data

    def to_be_mended(self, source: str) -> None:
        """Shown again, the form holds this text, wherever it came from, to be worked on."""
        self.data = {**self.data.dict(), "way": "text", "text": source}  # type: ignore[attr-defined]

    def _file(self, uploaded: Any) -> str:
        if uploaded.size > MAX_BYTES:
            raise ValidationError({"file": f"The file is larger than {MAX_BYTES:,} bytes."})
        try:
            return plain(uploaded.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise ValidationError({"file": "The file is not UTF-8 text."}) from None


class UploadedCSV(forms.Form):
    """A panel's export of its submissions."""

    file = forms.FileField(label="Prolific's export of submissions (CSV)")


def plain(text: str) -> str:
    """Line ends as YAML files have them; a browser's text area sends carriage returns."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
