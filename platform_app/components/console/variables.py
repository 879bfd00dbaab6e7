"""Variables: a text area that completes {{variables}}, and the list of all of them."""

from typing import Any

import reflex as rx
from reflex.vars.function import FunctionStringVar

from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t
from platform_app.state.console.option_lists import Option

_INSERT = FunctionStringVar.create("""((area, what) => {
  const box = document.getElementById(area), at = box.selectionStart ?? box.value.length;
  const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set;
  set.call(box, box.value.slice(0, at) + what + box.value.slice(box.selectionEnd ?? at));
  box.dispatchEvent(new Event('input', {bubbles: true}));
  box.focus();
  box.setSelectionRange(at + what.length, at + what.length);
})""")


class VariableText(rx.Component):
    """A text area that completes the names of variables after {{."""

    library = "$/public/variables.jsx"
    tag = "VariableText"

    initial: rx.Var[str]
    names: rx.Var[list[str]]
    words: rx.Var[list[str]]  # of each name, for people
    label: rx.Var[str]
    named: rx.Var[str]  # of the text, where no label stands beside it
    read_only: rx.Var[bool]
    rows: rx.Var[int]
    described_by: rx.Var[str]

    on_change: rx.EventHandler[rx.event.input_event]


def variable_text(
    area: Any, *, initial: Any, variables: rx.Var[list[Option]], on_change: Any, label: Any = None, rows: Any = 10
) -> rx.Component:
    """Return the text area; `area` is its id, `variables` are the completions."""
    return VariableText.create(
        id=area,
        initial=initial,
        names=rx.Var(f"({variables!s}).map((one) => one.id)", _var_data=variables._get_all_var_data()),
        words=rx.Var(f"({variables!s}).map((one) => one.name)", _var_data=variables._get_all_var_data()),
        label=t("Variables"),
        named="" if label is None else label,
        read_only=READ_ONLY,
        rows=rows,
        described_by=f"{area}-help",
        on_change=on_change,
    )


def variable_list(area: str, variables: rx.Var[list[Option]]) -> rx.Component:
    """Return the list of variables; a click inserts one into the text area with this id."""

    def one(variable: rx.Var[Option]) -> rx.Component:
        what = "{{ " + variable.id + " }}"
        return rx.el.li(
            rx.el.button(
                rx.el.code(what),
                rx.el.span(variable.name, class_name="muted small"),
                on_click=rx.run_script(_INSERT.call(area, what)),
                disabled=READ_ONLY,
                type="button",
                class_name="variable",
            )
        )

    return rx.el.ul(rx.foreach(variables, one), class_name="variables")
