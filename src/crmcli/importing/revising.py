"""What a row really changes in the record that is there, by the rules that hold for any edit."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from crmcli.errors import InvalidValue
from crmcli.fields import FieldSpec
from crmcli.importing.rows import Rows, stored
from crmcli.rules.records import revised
from crmcli.rules.stages import refuse_rewriting
from crmcli.store.bulk.staging import Values, as_object
from crmcli.store.bulk.writing import Revision
from crmcli.store.keys import key_columns
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant, iso_instant
from crmcli.values.money import amount_words, decimals

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork


# What is taken back to its stage's or its default's by a blank, though it is never blank.
GIVEN_BACK: Final = ("probability", "category")


def clearable_columns(rows: Rows, fields: Sequence[FieldSpec]) -> list[str]:
    """The columns that a blank cell may clear: those that may be blank, and those a stage gives back."""
    kept = {spec.column for spec in fields if spec.required or spec.default is not None} - set(GIVEN_BACK)
    return [name for name in rows.given if name not in kept and name not in ("currency", "custom")]


class Reviser:
    """What a row really changes in a record, with what follows from it."""

    def __init__(
        self, work: "UnitOfWork", rows: Rows, fields: Sequence[FieldSpec], clearable: Sequence[str]
    ) -> None:
        self.work = work
        self.rows = rows
        self.amounts = rows.amounts
        self.clearable = frozenset(clearable)
        readers: dict[str, Callable[[str], Any]] = {"date": date.fromisoformat, "instant": from_iso_instant}
        self.read = {spec.column: readers[spec.kind] for spec in fields if spec.kind in readers}

    def __call__(self, revision: Revision) -> Values:
        """The columns to set; none where the record stays as it is. Raises CrmError."""
        entity, current = self.rows.entity, revision.current
        changes = self._changes(revision)
        if not changes:
            return {}
        after = {
            name: value if name == "custom" else stored(value)
            for name, value in revised(entity, current, changes, self.rows.facts).items()
        }
        if entity == "stage":
            refuse_rewriting_stage(self.work.reader, current, after)
        after = {name: value for name, value in after.items() if value != current.get(name)}
        if not after:
            return {}
        for key, (base, normal) in key_columns(self.rows.reading.country).items():
            if base in after and key in current:
                after[key] = (normal(after[base]) or None) if after[base] else None
        return {"updated_at": iso_instant(self.work.now), **after}

    def _changes(self, revision: Revision) -> Values:
        """What the row says otherwise than the record; what it would make of a new one is no change."""
        current, given, made = revision[2:]
        changes: Values = {}
        for name, value in given.items():
            if name == "custom":
                continue
            if value is None:
                if name in self.clearable and current[name] is not None:
                    changes[name] = None
            elif value != current[name] and (name not in made or made[name] != current[name]):
                changes[name] = self.read[name](value) if name in self.read else value
        self._custom(current, given, changes)
        for amount in self.amounts:
            self._amount(amount, current, given, changes)
        return changes

    def _custom(self, current: Values, given: Values, changes: Values) -> None:
        said = as_object(given.get("custom"))
        merged = {**current["custom"], **said}
        merged = {name: value for name, value in merged.items() if value is not None}
        if merged != current["custom"]:
            changes["custom"] = merged

    def _amount(self, money: str, current: Values, given: Values, changes: Values) -> None:
        """An amount that names no currency is in the record's, as at `edit`."""
        if given[money] is None or given["currency"] is not None:
            return
        changes.pop("currency", None)
        home, own = self.rows.reading.currency, current["currency"] or self.rows.reading.currency
        minor, shift = given[money], decimals(own) - decimals(home)
        if shift < 0 and minor % 10**-shift:
            raise InvalidValue(
                f"{money}: the record is in {own}, in which {amount_words(minor, home)[4:]} cannot be said",
                field=money,
            )
        minor = minor * 10**shift if shift >= 0 else minor // 10**-shift
        changes.pop(money, None)
        if minor != current[money]:
            changes[money] = minor
        if current["currency"] is None:
            changes["currency"] = own


def refuse_rewriting_stage(reader: Reader, current: Values, after: Values) -> None:
    """What deals rely on in a stage stays as it is. Raises Refused."""
    name = current["name"]
    now = reader.value(
        "SELECT count(*) FROM opportunity WHERE stage = :name AND deleted_at IS NULL", name=name
    )
    ever = reader.row("SELECT 1 FROM opportunity_version WHERE stage = :name LIMIT 1", name=name)
    refuse_rewriting(current, after, int(now), ever is not None)
