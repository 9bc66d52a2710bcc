"""The adjustments of a forecast: what somebody thinks that its figures come to."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Any, Final, NamedTuple

from crmcli.reports.forecast.asked import Asked
from crmcli.reports.forecast.cells import Cell, Cells, counted, fold, keys_of
from crmcli.reports.forecast.people import People
from crmcli.rules.adjustments import CATEGORIES, Judged, Layers, judged
from crmcli.rules.forecast import roll_up
from crmcli.rules.rates import Rates
from crmcli.store import figures as known
from crmcli.store.groups import Key
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words
from crmcli.values.periods import period_of

NAMED: Final = 5  # judgements that a footer names


class Judgement(NamedTuple):
    """One layer over a figure of a period, as it was set."""

    start: str
    end: str
    owner: int
    category: str
    layer: str
    amount: int
    currency: str
    raw: int
    note: str
    by: str
    at: str


class Judgements:
    """What was judged of everybody's figures, each in its own currency, whatever the report converts to."""

    def __init__(
        self, reader: Reader, asked: Asked, rates: Rates, people: People, own: Cells | None = None
    ) -> None:
        """`own` are the deals of everybody, unconverted, if they have been counted already."""
        self.reader = reader
        self.asked = asked
        self.rates = rates
        self.people = people
        self.ids: dict[Key, int] = {}
        self.own = own
        self.known: list[Judgement] = []
        self.judged: dict[tuple[str, str], dict[int, Judged]] = {}  # by currency and category
        self.without_rate: list[Judgement] = []
        self.not_counted: list[Judgement] = []  # of parts of the period, or of figures that are not shown
        start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
        for row in known.adjustments(reader, start, end, asked.scope.moment, asked.scope.known):
            one = Judgement(*row)
            if not asked.adjustable or (one.start, one.end) != (start, end):
                self.not_counted.append(one)
            elif self._said(one.amount, one.currency) is None:
                self.without_rate.append(one)
            else:
                self.known.append(one)
        if not asked.adjustable:
            return
        self.ids = {people.key_of(id): id for id in people.names}
        for each in {(one.currency, one.category) for one in self.known}:
            self.judged[each] = self.judge(*each)

    def _said(self, minor: int, currency: str) -> int | None:
        """An amount as the report says it, at the rate of the day; None where there is none."""
        return self.rates.convert(minor, currency, self.asked.into or currency, self.asked.scope.as_of)

    @cached_property
    def amounts(self) -> dict[str, dict[int, dict[str, int]]]:
        """What everybody's own deals come to, by currency: also of those whom the report is not about, as a
        leader's figure holds theirs."""
        own = self.own
        if own is None:
            everybody = self.asked.scope._replace(owner_id=None, owner=None, team=())
            rows = counted(self.reader, self.asked._replace(scope=everybody, into=None), self.rates)
            own = fold(rows, self.people.key_of, (), self.asked.currency)
        found: dict[str, dict[int, dict[str, int]]] = {}
        for (currency, key), cell in own.items():
            if key in self.ids:
                found.setdefault(currency, {})[self.ids[key]] = roll_up(cell.amounts, self.asked.rollup)
        return found

    def judge(self, currency: str, category: str) -> dict[int, Judged]:
        """Everybody's figure with all below them, and the layers over it."""
        layers: dict[int, Layers] = {}
        for one in self.known:
            if (one.currency, one.category) == (currency, category):
                before = layers.get(one.owner, Layers())
                layers[one.owner] = before._replace(**{one.layer: one.amount})
        mine = {id: found[category] for id, found in self.amounts.get(currency, {}).items()}
        return judged(self.people.line, mine, layers)

    @property
    def asked_for(self) -> list[Judgement]:
        """Those of the people whom the report is about."""
        return [one for one in self.known if self.asked.scope.covers(one.owner)]

    def rows(self) -> Iterator[tuple[str, Key]]:
        """The rows that are there because somebody judged them."""
        for one in self.asked_for:
            yield self.asked.into or one.currency, self.people.key_of(one.owner)

    # --- what is shown ---

    def _counts(self, owner: int) -> bool:
        """Whether a judgement is of a row that is shown: of somebody with reports it is of the whole team."""
        return self.asked.team or not self.people.line.reports.get(owner)

    def _moved(self, currency: str, category: str, id: int) -> int | None:
        """By how much judgements move the figure of a row, its own or those of somebody below; None without."""
        people, below = self.judged[currency, category], self.people.line.below(id)
        if not self._counts(id) or all(people[each].layers == Layers() for each in below):
            return None
        amounts = self.amounts.get(currency, {})
        return people[id].shown - sum(amounts[each][category] for each in below if each in amounts)

    def _shown(self, currency: str, cell: Cell, ids: list[int]) -> dict[str, int]:
        """The figures that were adjusted, of a cell that holds the rows of some people."""
        raw = roll_up(cell.amounts, self.asked.rollup)
        found: dict[str, int] = {}
        for of, category in sorted(self.judged, key=lambda each: CATEGORIES.index(each[1])):
            if of != currency and not self.asked.into:
                continue
            for id in ids:
                moved = self._moved(of, category, id)
                if moved is not None:
                    found[category] = found.get(category, raw[category]) + (self._said(moved, of) or 0)
        return found

    def shown(self, currency: str, key: Key, cell: Cell) -> dict[str, int]:
        """The figures of a row that were adjusted."""
        return self._shown(currency, cell, [self.ids[key]] if key in self.ids else []) if self.known else {}

    def shown_total(self, currency: str, cell: Cell) -> dict[str, int]:
        """The adjusted figures of all together."""
        if not self.known:
            return {}
        if not self.asked.team:
            ids = [id for id in self.people.names if self.asked.scope.covers(id)]
        elif self.asked.scope.owner_id is None:
            ids = self.people.line.tops
        else:
            ids = [self.asked.scope.owner_id]
        return self._shown(currency, cell, ids)

    # --- what is said of it ---

    def raw_now(self, one: Judgement) -> int:
        """What a figure that was adjusted is now, without the judgement."""
        return self._judged(one).raw

    def _judged(self, one: Judgement) -> Judged:
        return self.judged[one.currency, one.category][one.owner]

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {
                "owner": self.people.name(one.owner),
                "category": one.category,
                "layer": one.layer,
                "currency": one.currency,
                "amount": amount_text(one.amount, one.currency),
                "raw": amount_text(self.raw_now(one), one.currency),
                "raw_then": amount_text(one.raw, one.currency),
                "drift": amount_text(self.raw_now(one) - one.raw, one.currency),
                **{
                    name: amount_text(getattr(self._judged(one), name), one.currency)
                    for name in ("without_manager", "without_owner", "shown")
                },
                "note": one.note,
                "by": one.by,
                "at": one.at,
            }
            for one in self.asked_for
        ]

    def notes(self) -> Iterator[str]:
        """The judgements with their reasons and drift, each in its own currency."""
        for one in self.asked_for:
            raw = self.raw_now(one)
            drift = raw - one.raw
            words = f"{one.category.replace('_', ' ')} {amount_words(one.amount, one.currency)}"
            moved = f", {'+' if drift > 0 else ''}{amount_words(drift, one.currency)} since" if drift else ""
            where = "" if self._counts(one.owner) else " (of the team: --team)"
            yield (
                f"Adjusted: {self.people.name(one.owner)}, {words}, by {one.by}: {one.note};"
                f" raw {amount_words(raw, one.currency)}{moved}{where}"
            )
        for one in self.without_rate:
            if self.asked.scope.covers(one.owner):
                yield (
                    f"No rate: an adjustment of {self.people.name(one.owner)} to"
                    f" {amount_words(one.amount, one.currency)} is left out; `crm rate set` mends it"
                )

        yield from self.not_applied()

    def not_applied(self) -> Iterator[str]:
        """Say which judgements are in no figure, and why: each is of one figure of a person in a period."""
        asked, left_out = self.asked, self.not_applied_json()
        if not left_out:
            return
        named = dict.fromkeys(
            f"{one['owner']} {one['period']} {one['category'].replace('_', ' ')}" for one in left_out
        )
        more = [f"and {len(named) - NAMED} more"] if len(named) > NAMED else []
        count = "1 adjustment" if len(left_out) == 1 else f"{len(left_out)} adjustments"
        if asked.by != "owner":
            why = f"as rows are not people but each a {asked.by}: --by owner --period {left_out[0]['period']}"
        elif asked.rollup != "cumulative":
            why = "as cumulative figures were judged: --rollup cumulative"
        else:
            why = f"as only a part of {asked.period.label} was judged: --period {left_out[0]['period']}"
        yield f"Not applied: {count} ({', '.join([*list(named)[:NAMED], *more])}), {why}"

    def not_applied_json(self) -> list[dict[str, Any]]:
        return [
            {
                "owner": self.people.name(one.owner),
                "period": period_of(
                    date.fromisoformat(one.start), date.fromisoformat(one.end), self.asked.fiscal_start
                ).label,
                "category": one.category,
                "layer": one.layer,
                "currency": one.currency,
                "amount": amount_text(one.amount, one.currency),
            }
            for one in self.not_counted
            if self.asked.scope.covers(one.owner)
        ]

    def above(self, currency: str, key: Key, figures: Mapping[str, int]) -> Iterator[str]:
        """Say that a commit was judged to be more than the best case, which holds it, or less than is closed."""
        judged = {(one.owner, one.category) for one in self.asked_for}
        id = self.ids.get(key)
        if id is None or not self._counts(id) or not judged & {(id, "commit"), (id, "best_case")}:
            return
        commit, best_case = figures["commit"], figures["best_case"]
        if commit > best_case:
            yield (
                f"Above: the commit of {key.name}, {amount_words(commit, currency)}, is more than the best case,"
                f" {amount_words(best_case, currency)}, which holds it"
            )
        for category in ("commit", "best_case"):
            if (id, category) in judged and figures[category] < figures["closed"]:
                figure = f"{category.replace('_', ' ')} of {key.name}"
                yield (
                    f"Below: the {figure}, {amount_words(figures[category], currency)}, is less than what is"
                    f" closed, {amount_words(figures['closed'], currency)}"
                )


def raw_figure(reader: Reader, asked: Asked, owner: int, category: str, currency: str) -> int:
    """A figure of somebody's forecast in a currency as it stands: their own deals, and what is shown of those below."""
    people = People(reader, keys_of(reader, asked), asked.scope.moment)
    return Judgements(reader, asked, Rates(asked.currency), people).judge(currency, category)[owner].raw
