"""What is said beside the rows of a grouped report: what is in no figure, at which rates, and where it is from."""

from typing import Any, Final

from crmcli.fields import BY_ENTITY, FieldSpec, reference
from crmcli.reports.own.computed import aged, is_age
from crmcli.reports.own.grouped import Grouped
from crmcli.reports.own.rows import Key, plain
from crmcli.result import Report
from crmcli.rules.own_reports import COUNT
from crmcli.store.query import identifier

NAMED: Final = 10  # records that a footer names
EXPLAINED: Final = 20  # records of a row that --explain shows to people
ALL: Final = Key((), ())  # the row of a report without groups
FORMULAS: Final = {
    COUNT: "the number of records",
    "sum": "the sum of {0}; blank ones are not in it",
    "avg": "the sum of {0} / the records that have it",
    "min": "the lowest {0}",
    "max": "the highest {0}",
}
CONVERTED: Final = (
    "each amount in another currency is converted to {} at the rate of the as-of day",
    "each amount in another currency is converted to {} at the rate of the day its deal was closed, if it was,"
    " else at that of the as-of day",
)


def say_beside(grouped: Grouped, made: Report) -> None:
    """Say what the figures leave out, and at which rates amounts were converted."""
    made.notes += blank(grouped)
    if grouped.amounts:
        leave_out(grouped, made)
        name_rates(grouped, made)


def blank(grouped: Grouped) -> list[str]:
    """How many records a sum or an average leaves out because they have no value."""
    said = []
    for spec in grouped.specs:
        if not any(each.spec == spec and each.way in ("sum", "avg") for each in grouped.meaning.measures):
            continue
        count = grouped.total.records - grouped.total.figures[spec.name].count
        if spec.kind == "money":  # what cannot be converted is not blank
            count = next(grouped.query.rows("count(*)", f" AND {grouped.query.value(spec)} IS NULL"))[0]
        if count:
            records = "1 record, counted" if count == 1 else f"{count:,} records, counted"
            said.append(f"{spec.label} is blank in {records}, in no sum.")
    return said


def leave_out(grouped: Grouped, made: Report) -> None:
    """Name the records whose amount is in no sum because it cannot be converted."""
    excluded: list[dict[str, str]] = []
    query = grouped.query
    assert grouped.into is not None
    for currency, day in grouped.asked.rates.unrated(grouped.into).items():
        filled = " OR ".join(f"{query.value(spec)} IS NOT NULL" for spec in grouped.amounts)
        found = query.rows(
            "t.id",
            f" AND ({filled}) AND {query.currency} = :unrated AND {query.day} < :rated_from",
            " ORDER BY 1",
            unrated=currency,
            rated_from=day,
        )
        refs = [reference(grouped.meaning.entity, row[0]) for row in found]
        excluded += [{"ref": ref, "reason": f"no rate for {currency}"} for ref in refs]
        rest = [f"and {len(refs) - NAMED} more"] if len(refs) > NAMED else []
        words = f"No rate for {currency} (crm rate set): {len(refs)} counted, in no amount"
        made.notes.insert(0, f"{words}: {' '.join([*refs[:NAMED], *rest])}")
    made.tail["excluded"] = excluded


def name_rates(grouped: Grouped, made: Report) -> None:
    """Say at which rates amounts were converted."""
    rates = grouped.asked.rates
    used = sorted(rates.used.items())
    made.tail["rates"] = [
        {"currency": currency, "valid_from": day, "rate": rate} for (currency, day), rate in used
    ]
    each = [f"1 {currency} = {rate} {rates.home} from {day}" for (currency, day), rate in used]
    made.notes += [f"Rates: {'; '.join(each)}"] if each else []


def explain(grouped: Grouped, made: Report) -> None:
    """Say how the figures are made and from which records: all of them to programs."""
    formulas = formulas_of(grouped)
    found = records_of(grouped, None if grouped.asked.every else EXPLAINED)
    counted = {key: cell.records for key, cell in grouped.rows.items()} or {ALL: grouped.total.records}
    made.tail["explain"] = {
        "formulas": formulas,
        "rows": [
            {"key": grouped.named.called(key) or None, "counted": counted[key], "records": records}
            for key, records in sorted(found.items(), key=lambda row: row[0].place)
        ],
    }
    made.explain = [f"{name.replace('_', ' ')}: {formula}" for name, formula in formulas.items()]
    for row in made.tail["explain"]["rows"]:
        made.explain.append(f"{row['key'] or 'All'}: records counted: {row['counted']}")
        for record in row["records"][:EXPLAINED]:
            facts = [f"{spec.name} {blank_or(record[spec.name])}" for spec in grouped.specs]
            facts += [record["currency"]] if grouped.amounts else []
            made.explain.append(f"  {record['ref']} {' · '.join([record['name'] or '', *facts])}")
        if row["counted"] > EXPLAINED:
            made.explain.append(f"  and {row['counted'] - EXPLAINED} more")


def formulas_of(grouped: Grouped) -> dict[str, str]:
    """How each figure is made, and what is computed of a record."""
    found = {
        each.name: FORMULAS[each.way].format(each.spec.name.replace("_", " ") if each.spec else "")
        for each in grouped.meaning.measures
    }
    found |= {spec.name: spec.help for spec in grouped.specs if not spec.column}
    if grouped.asked.rates.used or grouped.asked.rates.failed:
        found["currency"] = CONVERTED[grouped.meaning.entity == "opportunity"].format(grouped.into)
    return found


def records_of(grouped: Grouped, most: int | None) -> dict[Key, list[dict[str, Any]]]:
    """The records of each row, or so many of them, with what is measured of them."""
    query, entity = grouped.query, grouped.meaning.entity
    age = aged(grouped.asked.as_of, grouped.asked.context.zone)
    stored = [spec for spec in grouped.specs if not is_age(spec)]
    ages = [spec for spec in grouped.specs if is_age(spec)]
    columns, _ = grouped.by()
    measured = [*(query.value(spec) for spec in stored), *(query.life if ages else ())]
    title = identifier(BY_ENTITY[entity].title)
    sql = ", ".join(["t.id", f"t.{title}", query.currency, *measured])
    found: dict[Key, list[dict[str, Any]]] = {}
    for row in query.rows(f"{columns}{sql}", rest=" ORDER BY t.id"):
        key = grouped.named.key(row) if grouped.meaning.groups else ALL
        records = found.setdefault(key, [])
        if len(records) == most:
            continue
        id, name, currency, *held = row[len(grouped.named.sql) :]
        record = {"ref": reference(entity, id), "name": name}
        for spec, value in zip(stored, held, strict=False):
            record[spec.name] = said(spec, value, currency)
        for spec in ages:
            record[spec.name] = age(*held[-2:])
        record |= {"currency": currency} if grouped.amounts else {}
        records.append(record)
    return found


def said(spec: FieldSpec, value: Any, currency: str) -> Any:
    """A measured value as JSON says it."""
    if value is None or spec.kind != "money":
        return plain(value)
    from crmcli.values.money import amount_text

    return amount_text(value, currency)


def blank_or(value: Any) -> str:
    return "blank" if value is None else str(value)
