"""Write the documentation that can be derived: what the README's commands print, and the reference.

    make docs                  write
    python docs/generate.py --check   say what is out of date, and fail

In Markdown, a block marked ```console holds commands after `$ ` and what they print. The commands of one
file run in order, on one fresh database, as on a terminal 96 columns wide, a minute apart, on the day that the
last `<!-- on 2026-11-02 -->` above them says; `<!-- afresh -->` begins a new database.
"""

import io
import json
import os
import re
import shlex
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from crmcli.cli import run

ROOT = Path(__file__).resolve().parent.parent
WITH_COMMANDS = ("README.md", "docs/tour.md")
BLOCK = re.compile(
    r"<!-- (?:on (?P<day>\S+)|(?P<afresh>afresh)) -->|(?P<head>```console\n)(?P<body>.*?)```", re.DOTALL
)


class Terminal(io.StringIO):
    """A stream that is a terminal as far as the program can tell."""

    def isatty(self) -> bool:
        return True


def environment(folder: str) -> dict[str, str]:
    return {
        "HOME": folder,
        "CRMCLI_DB": f"{folder}/crm.db",
        "TZ": "UTC",
        "USER": "mia",
        "LOGNAME": "mia",
        "COLUMNS": "96",
        "NO_COLOR": "1",
        "TERM": "xterm",
    }


def printed(line: str, environ: dict[str, str], folder: Path) -> str:
    """What a command prints on a terminal, errors included. `CRMCLI_TODAY=…` may stand before it."""
    words = shlex.split(line, comments=True)
    while words and "=" in words[0] and words[0].partition("=")[0].isupper():
        name, _, value = words.pop(0).partition("=")
        environ = {**environ, name: value}
    if words[0] == "cat":
        return (folder / words[1]).read_text(encoding="utf-8")
    if words[0] != "crm":
        raise SystemExit(f"only crm and cat are run here, not {line!r}")
    screen = Terminal()
    before = Path.cwd()
    os.chdir(folder)
    try:
        run(words[1:], stdin=io.StringIO(), stdout=screen, stderr=screen, environ=environ)
    finally:
        os.chdir(before)
    return "".join(f"{text.rstrip()}\n" for text in screen.getvalue().splitlines())


def with_output(text: str) -> str:
    """A Markdown text whose console blocks show what their commands print now."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in sorted((ROOT / "docs" / "files").glob("*")):
            (folder / file.name).write_bytes(file.read_bytes())
        environ = environment(name)
        clock = {"day": "2026-11-21", "minutes": 600}

        def fill(match: re.Match[str]) -> str:
            if match["day"]:
                clock["day"], clock["minutes"] = match["day"], 600
            if match["afresh"]:
                for file in folder.glob("crm.db*"):
                    file.unlink()
            if not match["head"]:
                return match[0]
            lines = [line for line in match["body"].splitlines() if line.startswith("$ ")]
            return f"{match['head']}{''.join(show(line) for line in lines).replace(name, '~')}```"

        def show(line: str) -> str:
            hour, minute = divmod(int(clock["minutes"]), 60)
            clock["minutes"] = int(clock["minutes"]) + 1
            today = f"{clock['day']}T{hour:02}:{minute:02}:00"
            return f"{line}\n{printed(line[2:], {**environ, 'CRMCLI_TODAY': today}, folder)}"

        return BLOCK.sub(fill, text)


# --- the reference --------------------------------------------------------------------------------------


def reference() -> str:
    """Every command with its help, and every field."""
    with tempfile.TemporaryDirectory() as name:
        environ = environment(name)
        out = io.StringIO()
        run(["schema", "--json"], stdin=io.StringIO(), stdout=out, stderr=io.StringIO(), environ=environ)
        schema = json.loads(out.getvalue())
        parts = [
            "# Reference\n\nMade from the program by `make docs`; do not edit.\n",
            "## Commands\n",
            *(command(path, environ) for path in commands()),
            "## Fields\n",
            *(fields(noun) for noun in schema["nouns"]),
        ]
    return "\n".join(parts)


def commands() -> list[tuple[str, ...]]:
    """The words of every command, in the order of the help."""
    import typer
    from typer.main import get_command

    from crmcli.cli import ENTRIES, root

    context = typer.Context(get_command(root))  # type: ignore[arg-type]
    found: list[tuple[str, ...]] = []
    for word, entry in ENTRIES.items():
        loaded: Any = entry.load(context)
        found.append((word,))
        found += [(word, verb) for verb in getattr(loaded, "entries", {})]
    return found


def command(path: tuple[str, ...], environ: dict[str, str]) -> str:
    out = io.StringIO()
    run([*path, "--help"], stdin=io.StringIO(), stdout=out, stderr=out, environ={**environ, "COLUMNS": "100"})
    text = "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())
    return f"### crm {' '.join(path)}\n\n```text\n{text}\n```\n"


def fields(noun: dict[str, Any]) -> str:
    rows = [
        f"| `{spec['name']}` | {spec['kind']} | {spec['help']}{' (set by the program)' if spec['owned'] else ''} |"
        for spec in noun["fields"]
    ]
    return f"### {noun['noun']}\n\n| Field | Kind | What it is |\n|---|---|---|\n" + "\n".join(rows) + "\n"


# --- the figures ----------------------------------------------------------------------------------------

OTHERS = (
    "forecast",
    "forecast accuracy",
    "pipeline",
    "pipeline diff yesterday today",
    "quota show",
)


def figures() -> str:
    """What every figure of every report means, as --explain says it."""
    from crmcli.reports.standard import STANDARD

    parts = [
        "# What every figure means\n\nMade from the program by `make docs`; do not edit.\n",
        "`--explain` prints the same under a report, with the records each figure is made of and those left out."
        " Amounts are whole minor units and are added as such; shares and means are rounded once, at the end, a"
        " half up. Different currencies are converted record by record: open deals at the rate of the day the"
        " report stands on, closed ones at that of their close date. What has no rate is named and in no figure.\n",
    ]
    with tempfile.TemporaryDirectory() as name:
        environ = {**environment(name), "CRMCLI_TODAY": "2026-11-21"}

        def said(line: str) -> str:
            out = io.StringIO()
            run(shlex.split(line), stdin=io.StringIO(), stdout=out, stderr=io.StringIO(), environ=environ)
            return out.getvalue()

        said("init")
        for words in (*OTHERS, *(f"report {each.word}" for each in STANDARD)):
            formulas = json.loads(said(f"{words} --explain --json"))["explain"]["formulas"]
            command = " ".join(word for word in words.split() if word not in ("yesterday", "today"))
            parts += [f"## crm {command}\n", "| Figure | What it is |", "|---|---|"]
            for figure, formula in formulas.items():
                cells = (figure.replace("_", " "), formula)
                parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
            parts.append("")
    return "\n".join(parts)


# --- the files we tried ---------------------------------------------------------------------------------

TRIED = ROOT / "tests" / "transfer" / "shared_files.toml"
COUNTS = ("created", "updated", "unchanged", "rejected")


def files_tried() -> str:
    """What other programs' files were run through and what came of it, from the list that the tests run."""
    runs = tomllib.loads(TRIED.read_text(encoding="utf-8"))["run"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in runs:
        groups.setdefault(each["file"].partition("/")[0], []).append(each)
    files = {each["file"] for each in runs}
    imported = {each["file"] for each in runs if "refused" not in each}
    parts = [
        "# Files we tried\n\nMade from tests/transfer/shared_files.toml by `make docs`; do not edit.\n",
        f"{len(files)} files that other programs wrote: {len(imported)} go in, {len(files) - len(imported)} are"
        " refused for the reason that is given. Each was imported into an empty database with the command beside"
        " it, in which FILE stands for the file and REJECTS for a new one; the same commands are run by the tests"
        " wherever the files are at hand. None of the files is ours, and none is part of the project.\n",
    ]
    for group, found in groups.items():
        parts += [f"## {group}\n", "| File | What was run | What came of it |", "|---|---|---|"]
        parts += [f"| {tried(each)} |" for each in found]
        parts.append("")
    return "\n".join(parts)


def tried(entry: dict[str, Any]) -> str:
    """A row of the table: the file, the commands, the outcome."""
    if "refused" in entry:
        came = f"refused: {entry['refused'].replace(': … (', ' (').replace(' … ', '; ')}"
        came += f" ({entry['because']})" if "because" in entry else ""
    else:
        came = ", ".join(f"{entry[count]:,} {count}" for count in COUNTS if count in entry)
        came += f". {entry['says']}" if "says" in entry else ""
    commands = "<br>".join(f"`{entry[key]}`" for key in ("before", "command") if key in entry)
    cells = (entry["file"].partition("/")[2], commands, came)
    return " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells)


def main() -> None:
    check = "--check" in sys.argv[1:]
    wanted = {
        ROOT / name: with_output((ROOT / name).read_text(encoding="utf-8"))
        for name in WITH_COMMANDS
        if (ROOT / name).exists()
    }
    wanted[ROOT / "docs" / "reference.md"] = reference()
    wanted[ROOT / "docs" / "figures.md"] = figures()
    wanted[ROOT / "docs" / "files-we-tried.md"] = files_tried()
    stale = [
        path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date; run make docs")
        raise SystemExit(bool(stale))
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
