"""Questions to the user, through questionary; only ever on a terminal, and Ctrl-C means exit 130."""

from collections.abc import Sequence

from crmcli.errors import CrmError, Interrupted
from crmcli.fields import FieldSpec
from crmcli.parse import Reading, parse_value
from crmcli.render.clean import clean


def ask(spec: FieldSpec, reading: Reading) -> str | None:
    """Ask for a field until the answer can be read; None where it was left blank."""
    import questionary

    label = clean(spec.label) + ("" if spec.required else " (optional)")
    if spec.choices and not spec.open:
        choices: list[str] = list(spec.choices) if spec.required else ["", *spec.choices]
        return pick(label, choices) or None

    def readable(text: str) -> bool | str:
        if not text.strip():
            return f"{clean(spec.label)} is needed." if spec.required else True
        if spec.kind in ("link", "relation"):
            return True
        try:
            parse_value(spec, text, reading)
        except CrmError as error:
            return clean(error.message)
        return True

    try:
        question = (
            questionary.autocomplete(label + ":", choices=list(spec.choices), validate=readable)
            if spec.choices
            else questionary.text(label + ":", validate=readable)
        )
        answer: str = question.unsafe_ask()
    except (KeyboardInterrupt, EOFError) as error:
        raise Interrupted("Interrupted; nothing was written.") from error
    return answer.strip() or None


def pick(question: str, choices: Sequence[str]) -> str:
    """Let the user choose one of several."""
    import questionary

    shown = [questionary.Choice(title=clean(choice) or "(none)", value=choice) for choice in choices]
    try:
        answer: str = questionary.select(clean(question), choices=shown).unsafe_ask()
    except (KeyboardInterrupt, EOFError) as error:
        raise Interrupted("Interrupted; nothing was written.") from error
    return answer


def confirmed(question: str) -> bool:
    """Ask for a yes; anything else is a no."""
    import questionary

    try:
        answer: bool = questionary.confirm(clean(question), default=False).unsafe_ask()
    except (KeyboardInterrupt, EOFError) as error:
        raise Interrupted("Interrupted; nothing was written.") from error
    return answer
