"""What the layout promises and no linter sees."""

import ast
import re
import subprocess
import sys
from keyword import iskeyword
from pathlib import Path

import pytest

from crmcli.fields import NOUNS, FieldSpec
from crmcli.model import ENTITIES, declared_fields
from crmcli.store.engine import target_of
from crmcli.store.reader import open_reader
from crmcli.store.search import SEARCHED
from tests.conftest import Crm

SOURCE = Path(__file__).parent.parent / "src" / "crmcli"
HEAVY = ("sqlalchemy", "sqlmodel", "pydantic", "rich", "questionary", "asyncio", "importlib.metadata")
READS = (
    "lead list",
    "opp list stage:prop",
    "task list",
    "account show A1",
    "opp show O1",
    "opp timeline O1",
    "pipeline",
    "pipeline diff -1w today",
    "pipeline blockers",
    "lint",
    "forecast",
    "forecast --as-of yesterday",
    "dashboard",
    "today",
    "search Acme",
    "history",
    "help dates",
    "--help",
    "lead --help",
)


def spec_of(spec: FieldSpec) -> tuple[object, ...]:
    return tuple(getattr(spec, name) for name in FieldSpec.__slots__)


@pytest.mark.parametrize("entity", [noun.entity for noun in NOUNS])
def test_the_database_describes_itself_as_the_models_declare(crm: Crm, db_url: str, entity: str) -> None:
    crm.ok("init")
    reader = open_reader(target_of(db_url))
    try:
        described = reader.fields(entity)
    finally:
        reader.close()
    assert [spec_of(spec) for spec in described] == [
        spec_of(spec) for spec in declared_fields(ENTITIES[entity])
    ]


@pytest.mark.sqlite
@pytest.mark.parametrize("command", READS)
def test_reading_imports_nothing_heavy(crm: Crm, command: str) -> None:
    """Where this fails after an upgrade of Typer, look at `_Plain` and `_Light` in commands/_group.py."""
    crm.ok("account add Acme")
    crm.ok("opp add 'Acme renewal' --account A1")
    program = (
        "import sys, crmcli.__main__ as program\n"
        f"sys.argv = ['crm', *{command.split()!r}]\n"
        "try: program.main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print(*sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=crm.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "", f"{command} imports {done.stderr}"


def test_only_the_store_writes() -> None:
    """No INSERT, UPDATE or DELETE stands outside store/."""
    writing = re.compile(r"^\s*(INSERT INTO|UPDATE \S+ SET|DELETE FROM)\b")
    for path in SOURCE.rglob("*.py"):
        if path.is_relative_to(SOURCE / "store"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not writing.match(node.value), f"{path.name}:{node.lineno} writes"


def test_models_have_no_relationships() -> None:
    for model in ENTITIES.values():
        assert not list(model.__mapper__.relationships), model  # type: ignore[attr-defined]  # SQLAlchemy's


def test_what_is_searched_are_columns() -> None:
    for entity, columns in SEARCHED.items():
        assert set(columns) <= set(ENTITIES[entity].model_fields), entity


def test_nobody_asks_in_a_way_that_swallows_ctrl_c() -> None:
    """questionary's ask() answers None on Ctrl-C, and the program would carry on; unsafe_ask() raises."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr != "ask" or path.name != "ask.py", f"{path.name}:{node.lineno}"


def test_every_command_of_the_table_has_its_file() -> None:
    from crmcli.cli import COMMANDS

    for word, *_ in COMMANDS:
        name = f"{word}_.py" if iskeyword(word) else f"{word}.py"
        assert (SOURCE / "commands" / name).is_file(), word


def test_docs_are_up_to_date() -> None:
    """The README's commands run, and print what it says; the reference is the program's own."""
    root = SOURCE.parent.parent
    done = subprocess.run(
        [sys.executable, root / "docs" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
