"""The screens of the releases in the CMS, by the names that `urls` knows them by."""

from search.releases.screens.compare import Compare
from search.releases.screens.cuts import CutNow, CutScreen
from search.releases.screens.pending import Effect, Pending
from search.releases.screens.release import ReleaseScreen, RollBack
from search.releases.screens.timeline import Timeline, choose_shop
from search.releases.screens.trial import Trial

__all__ = [
    "Compare",
    "CutNow",
    "CutScreen",
    "Effect",
    "Pending",
    "ReleaseScreen",
    "RollBack",
    "Timeline",
    "Trial",
    "choose_shop",
]
