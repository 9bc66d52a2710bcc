"""Pipeline, diff: what made the pipeline of one day that of another."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.result import Chart, Column, Report, Row
from crmcli.rules.rates import NO_RATE, Rates
from crmcli.rules.waterfall import BUCKETS, MOVEMENTS, Ends, bucket_of
from crmcli.store import figures as known
from crmcli.store.deals import THEN, Scope, open_through
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text

NAMED: Final = 10  # deals that a footer names
EXPLAINED: Final = 20  # deals of a bucket that --explain shows to people

PASSED: Final = "in the pipeline only in between"


class Asked(NamedTuple):
    """The options of the report: from the end of one day to the end of another."""

    before: Scope
    after: Scope
    currency: str  # the home currency: of rates, and of a pipeline in which there is nothing
    explain: bool = False
    every: bool = True  # name every deal: for programs
    people: bool = False
    into: str | None = None  # the currency that all is converted to

    @property
    def params(self) -> dict[str, Any]:
        period, owner = self.after.period, self.after.owner_id
        within = {"start": period.start.isoformat(), "end": period.end.isoformat()} if period else {}
        whose = {} if owner is None else {"owner": owner}
        return {"a": self.before.moment, "b": self.after.moment, **within, **whose}

    @property
    def inside(self) -> str:
        """The condition on a version: the deal is in the pipeline that was asked for."""
        within = " AND d.close_date BETWEEN :start AND :end" if self.after.period else ""
        whose = "" if self.after.owner_id is None else " AND d.owner_id = :owner"
        return f"d.is_closed = 0{within}{whose}"


class Bucket:
    """The deals of one bucket and currency."""

    def __init__(self, count: int = 0, amount: int = 0) -> None:
        self.count = count
        self.amount = amount

    def add(self, count: int, amount: int) -> None:
        self.count += count
        self.amount += amount


Buckets = dict[str, dict[str, Bucket]]  # currency -> bucket

# --- SQL ----------------------------------------------------------------------------------------------


def opening_sql(asked: Asked) -> str:
    """What was in the pipeline on the first day, by currency."""
    return (
        "SELECT d.currency, count(*), CAST(coalesce(sum(d.amount), 0) AS BIGINT)"
        f" FROM {THEN.table} WHERE {open_through(':a', ':a')} AND {asked.inside} GROUP BY 1 ORDER BY 1"
    )


# The versions that held on one of the two days alone: what began since and still holds, and what has ended since.
# Of those in between only what may be all there is to see of a deal: that it was closed, or is deleted by now.
# Either half says all of it, for SQLite's sake.
CHANGED: Final = (
    "((d.recorded_to IS NULL AND d.valid_to IS NULL AND d.is_closed IN (0, 1)"
    " AND d.valid_from >= :a AND d.valid_from < :b)"
    " OR (d.recorded_to IS NULL AND d.valid_to >= :a AND d.valid_from < :b AND"
    " CASE WHEN d.valid_from < :a THEN d.valid_to < :b ELSE d.valid_to >= :b OR d.is_closed = 1"
    " OR d.opportunity_id IN (SELECT o.id FROM opportunity AS o WHERE o.deleted_at IS NOT NULL) END))"
)


def ends_sql(asked: Asked) -> str:
    """The deals that changed between the days.

    Of each, currency and amount on the two days on which it was in the pipeline, and whether it was there,
    lost or won. What stood still costs nothing.
    """
    at_a = "d.valid_from < :a"  # no version is read that ended before
    at_b = "(d.valid_to IS NULL OR d.valid_to >= :b)"  # nor one that began after
    return (
        "SELECT d.opportunity_id + 0 AS id,"
        f" max(CASE WHEN {at_a} AND {asked.inside} THEN d.currency END) AS currency_a,"
        f" max(CASE WHEN {at_a} AND {asked.inside} THEN coalesce(d.amount, 0) END) AS a,"
        f" max(CASE WHEN {at_b} AND {asked.inside} THEN d.currency END) AS currency_b,"
        f" max(CASE WHEN {at_b} AND {asked.inside} THEN coalesce(d.amount, 0) END) AS b,"
        f" max(CASE WHEN {at_a} THEN d.is_closed + d.is_won END) AS was,"
        f" max(CASE WHEN {at_b} THEN d.is_closed + d.is_won END) AS is_now,"
        " max(d.is_closed) AS closed"
        # + 0: SQLite is not to read every row of the table, in the order of deals, to save a sort of a few
        f" FROM {THEN.table} WHERE {CHANGED} GROUP BY 1"
    )


def moved_sql(asked: Asked) -> str:
    """Those of them that were in the pipeline on one of the days, or at least in between."""
    return (
        f"SELECT * FROM ({ends_sql(asked)}) AS e WHERE currency_a IS NOT NULL OR currency_b IS NOT NULL OR EXISTS"
        f" (SELECT 1 FROM {THEN.table} WHERE d.opportunity_id = e.id AND d.recorded_to IS NULL"
        f" AND d.valid_from < :b AND (d.valid_to IS NULL OR d.valid_to >= :a) AND {asked.inside})"
    )


def counted_sql(asked: Asked) -> str:
    """The same, as many at a time as have the same fate; those that were in it only in between one by one."""
    return (
        "SELECT currency_a, currency_b, was, is_now, closed,"
        " CASE WHEN b > a THEN 1 WHEN b < a THEN -1 ELSE 0 END AS way,"
        " CASE WHEN currency_a IS NULL AND currency_b IS NULL THEN id END AS passed,"
        " count(*), CAST(sum(a) AS BIGINT), CAST(sum(b) AS BIGINT)"
        f" FROM ({moved_sql(asked)}) AS m GROUP BY 1, 2, 3, 4, 5, 6, 7"
    )


def static_sql(asked: Asked) -> str:
    """The deals in other currencies than the one asked for that were in the pipeline all along, in the same shape."""
    return (
        "SELECT d.currency, d.currency, 0, 0, 0, coalesce(d.amount, 0), coalesce(d.amount, 0), o.id, o.name"
        f" FROM {THEN.named} WHERE {open_through(':a', ':b')} AND {asked.inside} AND d.currency <> :into"
        " ORDER BY o.id"
    )


def deals_sql(asked: Asked) -> str:
    """Those that were in the pipeline on one of the days, one by one, with their names."""
    return (
        "SELECT m.currency_a, m.currency_b, m.was, m.is_now, m.closed, m.a, m.b, o.id, o.name"
        f" FROM ({ends_sql(asked)}) AS m JOIN opportunity AS o ON o.id = m.id"
        " WHERE m.currency_a IS NOT NULL OR m.currency_b IS NOT NULL"
    )


def passed_sql(asked: Asked) -> str:
    """Those that were in it only in between."""
    return (
        f"SELECT m.id FROM ({moved_sql(asked)}) AS m"
        " WHERE m.currency_a IS NULL AND m.currency_b IS NULL ORDER BY 1"
    )


# --- the fold -----------------------------------------------------------------------------------------


def sides(currency_a: str | None, currency_b: str | None, *facts: Any) -> Iterator[tuple[str, Ends]]:
    """A deal in the pipeline of each of its currencies: from one to another it moves out, and in."""
    was, is_now, closed, before, after = facts
    for currency in sorted({currency_a, currency_b} - {None}, key=str):
        yield (
            str(currency),
            Ends(
                before if currency == currency_a else None,
                after if currency == currency_b else None,
                was,
                is_now,
                bool(closed),
            ),
        )


def fold(reader: Reader, asked: Asked) -> tuple[Buckets, list[int]]:
    """The buckets by currency, and the deals that were in the pipeline only in between."""
    found: Buckets = {}
    passed: list[int] = []

    def of(currency: str) -> dict[str, Bucket]:
        return found.setdefault(currency, {name: Bucket() for name in BUCKETS})

    for currency, count, amount in reader.rows(opening_sql(asked), **asked.params):
        of(currency)["opening"] = Bucket(count, amount)
        of(currency)["closing"] = Bucket(count, amount)
    for currency_a, currency_b, was, is_now, closed, _way, id, count, a, b in reader.rows(
        counted_sql(asked), **asked.params
    ):
        if id is not None:
            passed.append(id)
        for currency, ends in sides(currency_a, currency_b, was, is_now, closed, a, b):
            came = (ends.after is not None) - (ends.before is not None)
            of(currency)["closing"].add(came * count, ends.movement)
            if name := bucket_of(ends):
                of(currency)[name].add(count, ends.movement)
    return dict(sorted(found.items())), sorted(passed)


class Deal(NamedTuple):
    """A deal that moved."""

    id: int
    name: str
    currency: str
    bucket: str
    ends: Ends

    @property
    def ref(self) -> str:
        return reference("opportunity", self.id)

    def facts(self) -> dict[str, Any]:
        return {
            "ref": self.ref,
            "name": self.name,
            "bucket": self.bucket,
            "amount": amount_text(self.ends.movement, self.currency),
            "currency": self.currency,
        }

    def sentence(self) -> str:
        before, after = (
            "not in it" if amount is None else amount_text(amount, self.currency) for amount in self.ends[:2]
        )
        return (
            f"{self.ref} {self.name} · {before} → {after} · {amount_text(self.ends.movement, self.currency)}"
        )


def moved(reader: Reader, asked: Asked) -> list[Deal]:
    """The deals that moved, by bucket, the largest first."""
    deals: list[Deal] = []
    for currency_a, currency_b, was, is_now, closed, a, b, id, name in reader.rows(
        deals_sql(asked), **asked.params
    ):
        for currency, ends in sides(currency_a, currency_b, was, is_now, closed, a, b):
            if bucket := bucket_of(ends):
                deals.append(Deal(id, name, currency, bucket, ends))
    return in_order(deals)


def in_order(deals: list[Deal]) -> list[Deal]:
    """By bucket, the largest first."""
    places = {name: place for place, name in enumerate(BUCKETS)}
    deals.sort(key=lambda deal: (deal.currency, places[deal.bucket], -abs(deal.ends.movement), deal.id))
    return deals


# --- in one currency ----------------------------------------------------------------------------------


class Converted(NamedTuple):
    """The waterfall in one currency, each day at its own rates."""

    buckets: dict[str, Bucket]
    deals: list[Deal]
    unrated: dict[int, str]  # the deals left out, and the currency that has no rate on one of the days


def converted(reader: Reader, asked: Asked, into: str, rates: Rates) -> Converted:
    """The buckets in one currency, and in `rate` what the rates alone did to deals that stayed.

    What such a deal is worth more or less is said at the rates of the last day. A deal that cannot be
    converted on one of the days it was in the pipeline is in no figure.
    """
    found = Converted({name: Bucket() for name in BUCKETS}, [], {})
    moved = list(reader.rows(deals_sql(asked), **asked.params))
    rows = [*moved, *reader.rows(static_sql(asked), into=into, **asked.params)]
    there = {
        currency: (count, amount)
        for currency, count, amount in reader.rows(opening_sql(asked), **asked.params)
    }
    count, amount = there.get(into, (0, 0))
    mine = [row[5] for row in moved if row[0] == into]
    for level in ("opening", "closing"):  # what stood still in the currency itself
        found.buckets[level].add(count - len(mine), amount - sum(mine))
    first, last = asked.before.as_of, asked.after.as_of

    def worth(amount: int, currency: str | None, day: str) -> int | None:
        return rates.convert(amount, currency, into, day) if currency else None

    for currency_a, currency_b, was, is_now, closed, a, b, id, name in rows:
        opening, closing = worth(a, currency_a, first), worth(b, currency_b, last)
        before = worth(a, currency_a, last) if currency_b else opening
        if (currency_a and None in (opening, before)) or (currency_b and closing is None):
            found.unrated[id] = currency_a or currency_b
            continue
        ends = Ends(before, closing, was, is_now, bool(closed))
        parts = [(bucket_of(ends), ends)]
        if before != opening:
            parts.append(("rate", Ends(opening, before, was, is_now)))
        for bucket, of in parts:
            if bucket:
                found.buckets[bucket].add(1, of.movement)
                found.deals.append(Deal(id, name, into, bucket, of))
        for level, held in (("opening", opening), ("closing", closing)):
            if held is not None:
                found.buckets[level].add(1, held)
    return found


# --- the report ---------------------------------------------------------------------------------------


def pipeline_diff(reader: Reader, asked: Asked) -> Report:
    """The waterfall: opening and all movements are the closing, to the cent."""
    rates = Rates(asked.currency)
    unrated: dict[int, str] = {}
    if asked.into:
        rates = Rates(asked.currency, known.rates(reader, asked.after.known, asked.currency))
        whole = converted(reader, asked, asked.into, rates)
        found, deals, unrated = {asked.into: whole.buckets}, in_order(whole.deals), whole.unrated
        passed = [row[0] for row in reader.rows(passed_sql(asked), **asked.params)]
    else:
        found, passed = fold(reader, asked)
        found = found or {asked.currency: {name: Bucket() for name in BUCKETS}}
        deals = moved(reader, asked) if asked.every or asked.explain else []
    one = next(iter(found)) if len(found) == 1 else None
    without = left_out(passed, unrated)
    rows: list[Row] = []
    closings: dict[str, Row] = {}
    for currency, buckets in found.items():
        lines = [[named(name, asked), currency, each.count, each.amount] for name, each in buckets.items()]
        rows += lines[:-1] if asked.people else lines
        closings[currency] = lines[-1]
    amounts = {
        currency: {name: amount_text(bucket.amount, currency) for name, bucket in buckets.items()}
        for currency, buckets in found.items()
    }
    report = Report(
        columns_of(),
        rows,
        title="Pipeline, " + (f"{one}, " if one else "") + f"{asked.before.as_of} to {asked.after.as_of}",
        refs=None,
        head=head(asked, one),
        total=closings[one] if one else None,
        totals={} if one else closings,
        block="" if one else "currency",
        tail={
            "buckets": amounts[one] if one else None,
            "blocks": amounts,
            "deals": [deal.facts() for deal in deals],
            "excluded": [
                {"ref": reference("opportunity", id), "reason": reason}
                for reason, ids in without.items()
                for id in ids
            ],
        },
        notes=[sentence(reason, ids) for reason, ids in without.items()],
        stands_on=footer(asked),
        remarks=rates.sentences(),
        chart=Chart("amount", "steps"),
    )
    if asked.explain:
        explain(asked, report, found, deals)
    return report


def columns_of() -> list[Column]:
    return [
        Column("bucket", "", cut="never"),
        Column("currency", "Currency", hidden=True),
        Column("count", "Deals", "number"),
        Column("amount", "Amount", "money"),
    ]


def named(bucket: str, asked: Asked) -> str:
    """A bucket's name: as people read it, or as programs do."""
    return bucket.replace("_", " ").capitalize() if asked.people else bucket


def head(asked: Asked, currency: str | None) -> dict[str, Any]:
    return {
        "from": asked.before.as_of,
        "to": asked.after.as_of,
        "period": asked.after.bounds,
        "currency": currency,
        "owner": asked.after.owner,
    }


def footer(asked: Asked) -> str:
    period, owner = asked.after.period, asked.after.owner
    closing = (
        f"closing {period.start.isoformat()}..{period.end.isoformat()}" if period else "whenever they close"
    )
    return (
        f"From the end of {asked.before.as_of} to that of {asked.after.as_of} · open deals {closing} ·"
        f" {'owner ' + owner if owner else 'all owners'}"
    )


def left_out(passed: list[int], unrated: dict[int, str]) -> dict[str, list[int]]:
    """The deals that are in no bucket, by the reason."""
    found = {PASSED: passed} if passed else {}
    for id, currency in sorted(unrated.items(), key=itemgetter(1)):
        found.setdefault(f"{NO_RATE} for {currency}", []).append(id)
    return found


def sentence(reason: str, ids: list[int]) -> str:
    """Name some of the deals that are in no bucket."""
    count = len(ids)
    refs = [reference("opportunity", id) for id in ids[:NAMED]]
    more = [f"and {count - NAMED} more"] if count > NAMED else []
    hint = " (crm rate set)" if reason.startswith(NO_RATE) else ""
    deals = f"{count} deal{'s' if count > 1 else ''}"
    return f"{reason[0].upper()}{reason[1:]}{hint}: {deals}, in no bucket: {' '.join([*refs, *more])}"


FORMULAS: Final = {
    "opening": "the amounts of the deals that were in the pipeline at the end of the first day",
    "new": "deals that were not there on the first day",
    "moved_in": "open deals that came from another period, owner or currency",
    "increased": "what deals in the pipeline on both days are worth more",
    "decreased": "what deals in the pipeline on both days are worth less",
    "moved_out": "open deals that went to another period, owner or currency",
    "won": "deals won since, with the amount they were in the pipeline with",
    "lost": "deals lost since, with the amount they were in the pipeline with",
    "reopened": "deals that were closed, on the first day or for a time since, and are open again",
    "deleted": "deals deleted since",
    "rate": "what exchange rates alone did to deals that stayed; nothing where each currency is on its own",
    "closing": "opening and all movements: what is in the pipeline at the end of the last day",
}


def explain(asked: Asked, report: Report, found: Buckets, deals: list[Deal]) -> None:
    """Say of every bucket what it is, and which deals are in it."""
    by_bucket: dict[tuple[str, str], list[Deal]] = {}
    for deal in deals:
        by_bucket.setdefault((deal.currency, deal.bucket), []).append(deal)
    report.tail["explain"] = {
        "formulas": FORMULAS,
        "rows": [
            {
                "bucket": name,
                "currency": currency,
                "counted": found[currency][name].count,
                "deals": [deal.ref for deal in by_bucket.get((currency, name), [])],
            }
            for currency in found
            for name in MOVEMENTS
        ],
    }
    report.explain = [f"{name.replace('_', ' ')}: {formula}" for name, formula in FORMULAS.items()]
    for (currency, name), each in by_bucket.items():
        amount = amount_text(found[currency][name].amount, currency)
        report.explain.append(f"{name.replace('_', ' ').capitalize()}, {currency}: {amount}")
        report.explain += [f"  {deal.sentence()}" for deal in each[:EXPLAINED]]
        if len(each) > EXPLAINED:
            report.explain.append(f"  and {len(each) - EXPLAINED} more")
