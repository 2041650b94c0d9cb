"""The blocks that an answer is made of, and their plain-text form for channels that show no rich text."""

from django.utils.html import strip_tags
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.images.blocks import ImageBlock
from wagtail.rich_text import RichText, get_text_for_indexing

FEATURES = ["bold", "italic", "ol", "ul", "link"]


class LinkBlock(blocks.StructBlock):
    label = blocks.CharBlock(max_length=80, label=_("Text"))
    url = blocks.URLBlock(label=_("Address"))

    class Meta:
        icon = "link"
        label = _("Link button")
        template = "cms/blocks/link.html"


class AnswerBody(blocks.StreamBlock):
    paragraph = blocks.RichTextBlock(features=FEATURES, label=_("Text"), icon="pilcrow")
    steps = blocks.ListBlock(
        blocks.TextBlock(rows=2, label=_("Step")), label=_("Steps"), icon="list-ol", template="cms/blocks/steps.html"
    )
    image = ImageBlock(label=_("Image"), icon="image", template="cms/blocks/image.html")
    link = LinkBlock()

    class Meta:
        required = True
        min_num = 1


def plain_text(body: blocks.StreamValue) -> str:
    """The body without markup: blocks set apart by a line break, steps numbered, images by their description."""
    return "\n".join(text for block in body if (text := _block_text(block.block_type, block.value)))


def _block_text(kind: str, value) -> str:
    if kind == "paragraph":
        source = value.source if isinstance(value, RichText) else str(value)
        return get_text_for_indexing(source.replace("</p>", "</p>\n").replace("<br/>", "\n")).strip()
    if kind == "steps":
        return "\n".join(f"{number}. {step}" for number, step in enumerate(value, 1))
    if kind == "link":
        return f"{value['label']} {value['url']}"
    return strip_tags(getattr(value, "contextual_alt_text", None) or "")
