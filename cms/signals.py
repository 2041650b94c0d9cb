"""What the CMS tells whoever listens."""

from django.dispatch import Signal

went_live = Signal()
"""A release of a shop goes live; sent inside the transaction that makes it, with `release`."""
