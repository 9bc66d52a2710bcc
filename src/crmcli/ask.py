"""Questions to the user, through questionary; only ever on a terminal, and Ctrl-C means exit 130."""

from collections.abc import Sequence
from typing import Any

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
            return first_sentence(clean(error.message))
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


def first_sentence(text: str) -> str:
    """What is wrong, without the examples: what stands under a prompt has one line."""
    from re import split

    return split(r"\.\s+(?=[A-Z])|\n", text, maxsplit=1)[0].rstrip(".") + "."


def pick(question: str, choices: Sequence[str]) -> str:
    """Let the user choose one of several; Ctrl-D gives up as Ctrl-C does."""
    import questionary
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings

    shown = [questionary.Choice(title=clean(choice) or "(none)", value=choice) for choice in choices]
    try:
        asked = questionary.select(clean(question), choices=shown)
        leave = KeyBindings()

        @leave.add("c-d", eager=True)
        def give_up(event: Any) -> None:
            event.app.exit(exception=EOFError())

        asked.application.key_bindings = merge_key_bindings(
            [bindings for bindings in (asked.application.key_bindings, leave) if bindings]
        )
        answer: str = asked.unsafe_ask()
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
