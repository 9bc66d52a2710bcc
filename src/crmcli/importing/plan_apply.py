"""A plan of an import carried out: its rows are put back on the stage and judged as they are now."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from crmcli.errors import Conflict
from crmcli.fields import BY_ENTITY, BY_LETTER, FieldSpec, reference
from crmcli.importing.plan import NOW, Plan, Shape, choices_of
from crmcli.importing.revising import refuse_rewriting_stage
from crmcli.importing.run import Imported, unique_keys
from crmcli.model import ENTITIES
from crmcli.store.bulk import verdicts, writing
from crmcli.store.bulk.links import MAKEABLE, PARENTS, Links
from crmcli.store.bulk.staging import STAGE, Stage, Values, written
from crmcli.store.bulk.verdicts import Key, Sameness
from crmcli.store.bulk.writing import Revision
from crmcli.store.keys import KEY_COLUMNS, key_columns
from crmcli.store.work import UnitOfWork
from crmcli.values.dates import iso_instant
from crmcli.values.references import split_reference

NAMED: Final = 10  # rows that a refusal names
MADE: Final = "stage_made"


def carry_out(work: UnitOfWork, plan: Plan) -> Imported:
    """Do what a plan says inside a unit of work. Raises Conflict where records are not as it found them."""
    execution = Execution(work, plan)
    execution.run()
    return execution.counts


class Execution:
    """A plan on its way into a unit of work: its rows are put back on the stage, and judged as they are now."""

    def __init__(self, work: UnitOfWork, plan: Plan) -> None:
        self.work = work
        self.plan = plan
        self.counts = plan.counts()
        self.entity = plan.entity
        self.shape = Shape(self.entity, work.fields(self.entity))
        declared = ENTITIES[self.entity].model_fields
        self.keys = {
            key: made
            for key, made in key_columns(work.country).items()
            if key in declared and made[0] in declared
        }
        self.plain = [*self.shape.columns, *(["valid_from"] if self.entity == "opportunity" else [])]
        self.linking = [*self.shape.links, *self.shape.relations]
        self.columns = [
            *self.plain,
            *self.keys,
            *(f"link_{name}" for name in self.linking),
            *("given_before", "given_after"),
        ]
        self.now = iso_instant(work.now)
        self.stage = Stage(work, self.entity, self.columns)
        self.links = Links(self.stage, work.actor)

    def run(self) -> None:
        """Put the rows on the stage, find every one as it was planned for, and write."""
        self._refuse_other_choices()
        self._stage_made()
        self._stage_rows()
        self._refuse_again()
        self._check_made()
        self._check_links()
        self._check_new()
        self._check_changed()
        if count := self.stage.rejected():
            self._refuse(count)
        self._declare()
        self._make()
        writing.insert(self.stage, {})
        writing.update(self.stage)
        self.stage.put_away()
        writing.finish(self.stage)

    # --- filling -----------------------------------------------------------------------------------

    def _stage_made(self) -> None:
        """Reserve ids for what is made besides."""
        stage = self.stage
        stage.create(
            MADE, "id INTEGER, target TEXT, uid TEXT PRIMARY KEY, name TEXT, name_key TEXT, said TEXT"
        )
        normal = KEY_COLUMNS["name_key"][1]
        for target in MAKEABLE:
            count = sum(1 for line in self.plan.made() if line["make"] == target)
            if not count:
                continue
            first = self.work.ids.take(target, count)
            lines = (line for line in self.plan.made() if line["make"] == target)
            stage.fill(
                (
                    (id, target, line["uid"], line["name"], normal(line["name"]), written(line["values"]))
                    for id, line in enumerate(lines, first)
                ),
                MADE,
                ("id", "target", "uid", "name", "name_key", "said"),
            )

    def _stage_rows(self) -> None:
        stage = self.stage
        stage.fill(self._staged(), STAGE, ("n", "line", "uid", "raw", "verdict", "id", *self.columns))
        stage.run(f"CREATE INDEX ix_{STAGE}_uid ON {STAGE} (uid)")
        stage.analyze(STAGE, MADE, self.entity)

    def _staged(self) -> Iterator[tuple[Any, ...]]:
        for n, row in enumerate(self.plan.rows()):
            if row["action"] == "create":
                values = row["values"]
                yield (n, row["line"], row["uid"], None, None, None, *self._cells(values), None, None)
            elif row["action"] == "update":
                after = row["after"]
                id = number_of(row["ref"])
                told = written(row["before"]), written(after)
                yield (n, row["line"], row["uid"], None, "update", id, *self._cells(after), *told)

    def _cells(self, values: Mapping[str, Any]) -> Iterator[Any]:
        for name in self.plain:
            yield self._stored(name, values.get(name), self.shape)
        for base, normal in self.keys.values():
            text = values.get(base)
            yield (normal(text) or None) if text else None
        for name in self.linking:
            value = values.get(name)
            yield value["uid"] if isinstance(value, dict) else None

    def _stored(self, name: str, value: Any, shape: Shape) -> Any:
        """A value as tables have it; a link to what is yet to be made is blank."""
        if isinstance(value, dict):
            return written(value) if name == "custom" else number_of(value["ref"])
        return self.now if value == NOW and name in shape.instants else value

    # --- checking ----------------------------------------------------------------------------------

    def _refuse_other_choices(self) -> None:
        """Refuse a plan whose rows were checked with what has changed since. Raises Conflict."""
        if choices_of(self.work.reader, self.entity) != self.plan.head["choices"]:
            raise Conflict(
                f"{self.plan.name}: what its rows were checked with has changed since: "
                + ("the stages, or " if self.entity == "opportunity" else "")
                + "the choices of a field.",
                hint="Make the plan anew.",
            )

    def _refuse_again(self) -> None:
        """Refuse a plan whose records are there. Raises Conflict."""
        planned = {target: f"SELECT uid FROM {MADE} WHERE target = '{target}'" for target in MAKEABLE}
        planned[self.entity] = f"SELECT uid FROM {STAGE} WHERE verdict IS NULL UNION " + planned.get(
            self.entity, "SELECT NULL WHERE 1 = 0"
        )
        for entity, uids in planned.items():
            found = self.work.reader.row(
                f'SELECT min(t.id), min(t.deleted_at) FROM ({uids}) p JOIN "{entity}" t ON t.uid = p.uid'
            )
            if found and found[0] is not None:
                raise Conflict(
                    f"{self.plan.name} has been carried out already: it made {reference(entity, found[0])}"
                    + (", and was taken back." if found[1] else "."),
                    hint="`crm redo` does again what was undone."
                    if found[1]
                    else "`crm history` lists what was done.",
                )

    def _check_made(self) -> None:
        """Refuse where a parent that is to be made is there by now; a user, whose name is his alone, is taken.

        Raises Conflict.
        """
        there = "FROM {0} m JOIN \"{1}\" t ON t.name_key = m.name_key WHERE m.target = '{1}' AND t.deleted_at IS NULL"
        for parent in PARENTS:
            found = self.work.reader.row(
                f"SELECT min(m.name), count(DISTINCT m.uid) {there.format(MADE, parent)}"
            )
            if found and found[1]:
                more = f", and {found[1] - 1:,} more" if found[1] > 1 else ""
                raise Conflict(
                    f"{self.plan.name} would make the {parent} {found[0]}{more}, which others have made since;"
                    " nothing was written.",
                    hint="Make the plan anew.",
                )
        user = f"{there.format(MADE, 'user')} AND m.uid = {MADE}.uid"
        taken = self.stage.run(
            f"UPDATE {MADE} SET id = (SELECT t.id {user}), said = NULL WHERE EXISTS (SELECT 1 {user})"
        )
        made = self.counts.made.pop("users", 0) - taken
        if made > 0:
            self.counts.made["users"] = made

    def _check_links(self) -> None:
        """Reject rows that link to what has gone; give those that link to what is made besides its id."""
        stage = self.stage
        for column in self.linking:
            gone = []
            for target in self._targets(column):
                of = (
                    f" AND s.{self.shape.relations[column]} = '{target}'"
                    if column in self.shape.relations
                    else ""
                )
                gone.append(
                    f'(NOT EXISTS (SELECT 1 FROM "{target}" t WHERE t.id = s.{column} AND t.uid = s.link_{column}'
                    f" AND t.deleted_at IS NULL){of})"
                )
            stage.reject(
                f"s.{column} IS NOT NULL AND ({' OR '.join(gone)})",
                "not_found",
                self.shape.names[column],
                f"'its {self.shape.names[column].replace('_', ' ')} is no longer there'",
            )
            self._join(column, f"SELECT m.id FROM {MADE} m WHERE m.uid = {STAGE}.link_{column}")

    def _targets(self, column: str) -> list[str]:
        if column in self.shape.links:
            return [str(self.shape.links[column])]
        return list(ENTITIES.keys() & BY_ENTITY.keys())

    def _join(self, column: str, ids: str) -> None:
        self.stage.run(
            f"UPDATE {STAGE} SET {column} = ({ids}) WHERE {column} IS NULL AND link_{column} IS NOT NULL"
        )

    def _check_new(self) -> None:
        """Reject new records that are there by now, whoever made them."""
        stage, head = self.stage, self.plan.head
        title, firm, loose = head["same"]
        keys = [Key(*key) for key in head["match"]]
        verdicts.match(stage, keys, Sameness(title, firm, loose, {}))
        letter = BY_ENTITY[self.entity].letter
        stage.reject(
            "s.verdict IS NULL AND s.id IS NOT NULL", "exists", "", f"'it is there by now: {letter}' || s.id"
        )
        verdicts.decide_new(stage, "upsert")
        for key in unique_keys(self.entity):
            verdicts.refuse_taken(stage, key, "create")
        writing.number(stage)
        for column, target in self.shape.links.items():
            if target == self.entity:
                new = (
                    f"SELECT p.id FROM {STAGE} p WHERE p.uid = {STAGE}.link_{column} AND p.verdict = 'create'"
                )
                self._join(column, new)
                spec = next(spec for spec in self.shape.fields if spec.column == column)
                self.links.refuse_circles(spec)

    def _check_changed(self) -> None:
        """Reject changes of records that are not as the plan found them."""
        stage = self.stage
        letter = BY_ENTITY[self.entity].letter
        stage.reject(
            "s.verdict = 'update' AND NOT EXISTS"
            f' (SELECT 1 FROM "{self.entity}" t WHERE t.id = s.id AND t.uid = s.uid)',
            "not_found",
            "",
            f"'{letter}' || s.id || ' is not the record that was planned for'",
        )
        writing.plan_updates(stage, ["given_before", "given_after", *self.linking], self._revised)
        for key in unique_keys(self.entity):
            verdicts.refuse_taken(stage, key, "update")

    def _revised(self, revision: Revision) -> Values:
        """What to set in a record. Raises Conflict where it has changed since."""
        current, given = revision.current, revision.given
        before, after = json.loads(given["given_before"]), json.loads(given["given_after"])
        ref = reference(self.entity, current["id"])
        if current["deleted_at"] is not None:
            raise Conflict(f"{ref} has been deleted since")
        for name, value in before.items():
            was = number_of(value["ref"]) if name in self.linking and isinstance(value, dict) else value
            if current[name] != was:
                raise Conflict(f"{ref} has changed since", field=self.shape.names.get(name, name))
        if self.entity == "stage":
            refuse_rewriting_stage(self.work.reader, current, after)
        set_to = {
            name: given[name]
            if name in self.linking
            else self.now
            if value == NOW and name in self.shape.instants
            else value
            for name, value in after.items()
        }
        for key, (base, normal) in self.keys.items():
            if base in set_to:
                set_to[key] = (normal(set_to[base]) or None) if set_to[base] else None
        return set_to

    def _refuse(self, count: int) -> None:
        """Name the rows that are no longer as planned. Raises Conflict."""
        rejects = self.stage.rejects()
        named = [
            f"line {line}: {reason}"
            for _, (_, line, _, _, reason) in zip(range(NAMED), rejects, strict=False)
        ]
        more = f"; and {count - NAMED:,} more" if count > NAMED else ""
        rows = "1 row is" if count == 1 else f"{count:,} rows are"
        raise Conflict(
            f"{self.plan.name}: {rows} no longer as planned, and nothing was written: {'; '.join(named)}{more}.",
            hint="Make the plan anew.",
        )

    # --- writing -----------------------------------------------------------------------------------

    def _declare(self) -> None:
        """Describe the custom fields that the file brings along."""
        known = {spec.name: spec for spec in self.shape.fields}
        last = max(spec.position for spec in self.shape.fields)
        new = []
        for at, (name, label) in enumerate(self.plan.head["fields"].items(), 1):
            if name not in known:
                new.append(FieldSpec(self.entity, name, name, "text", label, "", last + at, custom=True))
            elif not known[name].custom or known[name].kind != "text":
                raise Conflict(
                    f"{self.plan.name}: there is another field {name} by now.", hint="Make the plan anew."
                )
        writing.declare(self.stage, new)

    def _make(self) -> None:
        """Make what rows name and what was not there."""
        stage = self.stage
        users = f"SELECT uid, id FROM {MADE} WHERE target = 'user'"
        made: dict[str, int] = dict(self.work.reader.rows(users))  # who owns: never many
        for target in MAKEABLE:
            shape = Shape(target, self.work.fields(target))
            keys = {key: how for key, how in KEY_COLUMNS.items() if key in ENTITIES[target].model_fields}

            def row(
                id: int, uid: str, values: Values, shape: Shape = shape, keys: Any = keys
            ) -> Iterator[Any]:
                yield from (id, uid)
                for name in shape.columns:
                    value = values.get(name, {} if name == "custom" else None)
                    stored = self._stored(name, value, shape)
                    yield made.get(value["uid"]) if stored is None and value is not None else stored
                for base, normal in keys.values():
                    yield (normal(values[base]) or None) if values.get(base) else None

            told = ("id", "uid", *shape.columns, *keys)
            wanted = f"target = '{target}' AND said IS NOT NULL"
            sql = f"SELECT id, uid, said FROM {MADE} WHERE {wanted} AND id > :after ORDER BY id"
            for page in stage.pages(sql):
                stage.fill((tuple(row(id, uid, json.loads(said))) for id, uid, said in page), target, told)
            writing.record_added(stage, target, f"SELECT id FROM {MADE} WHERE {wanted}")


def number_of(ref: str | None) -> int | None:
    """The number of a reference; None where there is none."""
    found = split_reference(ref) if ref else None
    return found[1] if found and found[0] in BY_LETTER else None
