"""What cannot be answered about the past, in the words of the API."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import exceptions

from cms.releases.ledger import CorruptContent
from search.api.errors import NotThere, Unreadable
from search.releases.replaying import BeforeTheFirst, InTheFuture, UnknownRelease


@contextmanager
def explained() -> Iterator[None]:
    """Raises 404 for a release or moment that the shop does not have, 400 for one to come, 503 for a spoilt one."""
    try:
        yield
    except UnknownRelease as exc:
        raise exceptions.NotFound(_("There is no release “%(number)s”.") % {"number": str(exc)[:40]}) from exc
    except BeforeTheFirst as exc:
        raise _before_the_first(exc) from exc
    except InTheFuture as exc:
        raise exceptions.ValidationError({"as_of": [_("This moment is still to come.")]}) from exc
    except CorruptContent as exc:
        raise Unreadable from exc


def _before_the_first(exc: BeforeTheFirst) -> exceptions.NotFound:
    if exc.first is None:
        return exceptions.NotFound(_("Nothing has been released yet."))
    first = timezone.localtime(exc.first).isoformat()
    message = _("Nothing was released by then; the first release went live at %(first)s.")
    return NotThere(message % {"first": first}, {"as_of": [first]})
