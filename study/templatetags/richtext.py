"""The protocol's texts in templates: `{{ text|rich }}` for blocks, `{{ text|rich_line }}` inside a line."""

from django import template

from study.stages import richtext

register = template.Library()
register.filter("rich", richtext.rich)
register.filter("rich_line", richtext.rich_line)
