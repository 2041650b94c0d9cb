"""Cuts a release: what is pending, through the gate, live."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cms.models import RUNNING, Cut, CutState, Shop
from search.management.shops import add_one_shop_argument, one_shop
from search.releases import cutting, schedule
from search.releases.reports import as_dict, in_words

_KNOWN = (
    cutting.CutRuns,
    cutting.CutTaken,
    cutting.CutFailed,
    cutting.NotPending,
    cutting.NotBlocked,
    cutting.NoReason,
    cutting.MustBeCheckedAgain,
)


class Command(BaseCommand):
    help = (
        "Makes the week's release of all pending changes: builds it aside, asks it the golden questions, puts it live. "
        "Goes on with a cut whose process was killed. Exit status 1 where it did not go live, with the reasons."
    )

    def add_arguments(self, parser: Any) -> None:
        add_one_shop_argument(parser)
        parser.add_argument("--only", nargs="+", metavar="KEY", help="these pending changes, such as faq:12")
        parser.add_argument("--notes", default="", help="the week's notes")
        parser.add_argument("--by", default="cut_release", help="who cuts")
        parser.add_argument("--even-if-nothing-new", action="store_true", help="a release in any case")
        parser.add_argument("--learn", action="store_true", help="with what the shop's phrasings teach, learnt anew")
        parser.add_argument("--json", action="store_true", help="the cuts and their reports as JSON")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--override", metavar="REASON", help="put the blocked cut live all the same; why, is kept")
        what.add_argument("--drop", action="store_true", help="forget a cut that was left, runs, or is blocked")
        what.add_argument("--go-on", type=int, metavar="CUT", help="run this cut, which waits or was left")
        what.add_argument(
            "--scheduled", action="store_true", help="the cuts that are due by the shops' weekday and time"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            cuts = self._cuts(options)
        except _KNOWN as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            self.stdout.write(json.dumps([as_dict(cut) for cut in cuts], ensure_ascii=False))
        else:
            for cut in cuts:
                self.stdout.write(in_words(cut))
        if any(cut.state == CutState.BLOCKED for cut in cuts):
            raise CommandError("Blocked by the gate; --override REASON puts it live all the same.", returncode=1)

    def _cuts(self, options: dict[str, Any]) -> list[Cut]:
        if options["scheduled"]:
            return self._scheduled()
        if options["go_on"]:
            return [self._gone_on(options["go_on"])]
        shop = one_shop(options["shop"])
        if options["drop"] or options["override"] is not None:
            return [self._settled(shop, options)]
        left = cutting.left(shop)
        if left:
            self.stderr.write(f"{cutting.CutRuns(left)} Going on with it, with its own choice of changes and notes.")
            return [cutting.run(left)]
        names = ("notes", "by", "even_if_nothing_new", "learn")
        return [cutting.run(cutting.start(shop, keys=options["only"], **{name: options[name] for name in names}))]

    def _gone_on(self, pk: int) -> Cut:
        cut = Cut.objects.filter(pk=pk).first()
        if cut is None:
            raise CommandError(f"There is no cut {pk}.")
        return cutting.run(cut)

    def _settled(self, shop: Shop, options: dict[str, Any]) -> Cut:
        """The one that runs, was left, or is blocked: dropped, or live all the same."""
        cut = Cut.objects.filter(shop=shop, state__in=(*RUNNING, CutState.BLOCKED)).first()
        if cut is None:
            raise CommandError(f"{shop.slug}: there is no cut that runs, was left, or is blocked.")
        if options["drop"]:
            cutting.drop(cut)
        else:
            cutting.override(cut, options["override"], options["by"])
        return cut

    def _scheduled(self) -> list[Cut]:
        """All that are due. One that fails stops no other."""
        done, failed = [], []
        for cut in schedule.due_cuts():
            try:
                done.append(cutting.run(cut))
            except _KNOWN as exc:
                failed.append(f"{cut.shop.slug}: {exc}")
        if failed:
            raise CommandError("\n".join(failed))
        return done
