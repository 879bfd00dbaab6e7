"""Text templates: texts with {{variables}} in Liquid, limited so that none of them can harm or hang."""

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from datetime import datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from liquid import BoundTemplate, Environment, Mode, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.case_tag import CaseTag, MultiExpressionBlockNode
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.expression import Expression
from liquid.stream import TokenStream
from liquid.stringify import to_liquid_string
from liquid.token import Token

from platform_app.automation import output_encoding, template_filters, template_lexer
from platform_app.automation.facts import NAMES, Facts
from platform_app.automation.output_encoding import PLACEHOLDER, RequestBody
from platform_app.automation.template_lexer import TemplateProblem, TemplateSyntaxError, syntax_error
from platform_app.automation.webhook_answers import UnknownAnswer
from platform_app.errors import Invalid
from platform_app.i18n import translate

MAX_OUTPUT_LENGTH = 20_000  # characters of a filled text, and of a value
_TAGS = {"#", "comment", "content", "illegal", "output", "if", "unless", "case"}
_VALUES = "values"  # in a context: the values whose placeholders are in the text
_OUTPUT_TOO_LONG = "The text gets too long when variables are filled in."


class _OutputNode(OutputNode):
    """A value in a text; a placeholder stands for it if it is encoded later."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)
        kept = context.tag_namespace.get(_VALUES)
        if kept is None:
            return buffer.write(to_liquid_string(value, autoescape=False))
        kept.append(value)
        if sum(len(value) for value in kept if isinstance(value, str)) > _LimitedEnvironment.output_stream_limit:
            raise ResourceLimitError(_OUTPUT_TOO_LONG, token=self.token)
        return buffer.write(f"{PLACEHOLDER}{len(kept) - 1}{PLACEHOLDER}")


class _Output(Output):
    node_class = _OutputNode


class _AnyOf(Expression):
    """Whether any value of a `when` matches."""

    __slots__ = ("values",)

    def __init__(self, values: Expression) -> None:
        super().__init__(values.token)
        self.values = values

    def evaluate(self, context: RenderContext) -> list[bool]:
        # the library annotates the values as one expression
        return [any(self.values.evaluate(context))]  # type: ignore[arg-type]

    def children(self) -> list[Expression]:
        return list(self.values.children())


class _Case(CaseTag):
    """A `case` tag; the library would render a branch once for each matching value, and nest branches."""

    def parse(self, stream: TokenStream) -> Any:
        node: Any = super().parse(stream)
        for block in node.blocks:
            if isinstance(block, MultiExpressionBlockNode):
                # the library annotates its own expression class
                block.expression = _AnyOf(block.expression)  # type: ignore[assignment]
        return node


class _LimitedEnvironment(Environment):
    """Liquid without loops, files and assignments."""

    context_depth_limit = template_lexer.MAX_DEPTH * 3
    loop_iteration_limit = 1
    local_namespace_limit = 1_000
    output_stream_limit = MAX_OUTPUT_LENGTH * 4  # bytes

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register only the tags and filters that choose and format."""
        super().setup_tags_and_filters(extra=extra)
        self.add_tag(_Output)
        self.add_tag(_Case)
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS}
        self.filters = template_filters.template_filters(self.filters)

    def tokenizer(self) -> Callable[[str], Iterator[Token]]:
        """Return the platform's lexer; the library's takes quadratic time."""
        return template_lexer.tokenize


_ENVIRONMENT = _LimitedEnvironment(tolerance=Mode.STRICT)


@lru_cache(maxsize=200)
def _parse(text: str) -> BoundTemplate:
    """Return a parsed template. Raises TemplateSyntaxError if it cannot be parsed."""
    try:
        return _ENVIRONMENT.from_string(text)
    except TemplateSyntaxError:
        raise
    except (LiquidError, RecursionError, ValueError) as error:
        raise syntax_error(
            "“{what}” isn’t valid. Check names, quotation marks and symbols.", text, _error_index(error)
        ) from error


def _error_index(error: BaseException) -> int:
    """Return the position of an error in its template; 0 if unknown."""
    token = error.token if isinstance(error, LiquidError) else None
    return max(token.start_index, 0) if token else 0


def problems(text: str, names: Container[str] = NAMES) -> list[TemplateProblem]:
    """Return the problems of a template that may use these variables, [] if it can be rendered."""
    try:
        parts = _parse(text).analyze()
    except TemplateSyntaxError as error:
        return [error.problem]
    problems_by_name: dict[str, TemplateProblem] = {}
    for name, spans in parts.filters.items():
        if name not in _ENVIRONMENT.filters:
            problems_by_name[name] = TemplateProblem(
                "Unknown filter {what}.", name, text.count("\n", 0, spans[0].index) + 1
            )
    for places in parts.globals.values():
        for place in places:
            name = str(place)
            if name not in names:
                line = text.count("\n", 0, place.span.index) + 1
                problems_by_name.setdefault(name, TemplateProblem("Unknown variable {what}.", name, line))
    return sorted(problems_by_name.values(), key=lambda problem: (problem.line, problem.what))


def describe_problem(problem: TemplateProblem, language: str) -> str:
    """Return a problem as a sentence with its line."""
    sentence = translate(language, problem.sentence, what=problem.what)
    return translate(language, "Line {line}: {problem}", line=problem.line, problem=sentence)


def variables(text: str) -> list[str]:
    """Return the names of the variables in a template, known or not; [] if it cannot be parsed."""
    try:
        used = _parse(text).analyze().globals
    except TemplateSyntaxError:
        return []
    return sorted({str(place) for places in used.values() for place in places})


def render(text: str, facts: Facts) -> str:
    """Return a template with its variables filled, cut at MAX_OUTPUT_LENGTH; unknown ones are empty.

    Raises Invalid if it cannot be parsed or exceeds the limits.
    """
    with _translated_errors(text):
        return _render(text, facts)[:MAX_OUTPUT_LENGTH]


def render_body(text: str, facts: Facts) -> RequestBody:
    """Return a template as a request body, each value encoded for its context.

    Raises Invalid if it cannot be parsed, exceeds the limits, or starts as JSON and is not valid.
    """
    values: list[object] = []
    with _translated_errors(text):
        marked = _render(text.replace(PLACEHOLDER, ""), facts, values)
    return output_encoding.encode(marked.strip(), values)


def _render(text: str, facts: Facts, values: list[object] | None = None) -> str:
    template = _parse(text)
    known = {name: format_value(value, facts.zone) for name, value in facts.nested().items()}
    context = template.context_class(
        template, globals=template.make_globals(known | {template_filters.LANGUAGE: facts.language})
    )
    context.tag_namespace[_VALUES] = values
    buffer = template._get_buffer()
    template.render_with_context(context, buffer)
    return buffer.getvalue()


@contextmanager
def _translated_errors(text: str) -> Iterator[None]:
    """Translate errors of the library into Invalid with a sentence that names the place."""
    try:
        yield
    except TemplateSyntaxError as error:
        raise Invalid(error.problem.sentence, what=error.problem.what) from error
    except ResourceLimitError as error:
        raise Invalid(_OUTPUT_TOO_LONG) from error
    except (LiquidError, RecursionError, ArithmeticError, ValueError) as error:
        what = template_lexer.excerpt(text, _error_index(error))
        raise Invalid("“{what}” can’t be filled in with these values.", what=what) from error


def format_value(value: object, zone: str) -> object:
    """Return a value as people write it: amounts without trailing zeros, moments in `zone` to the minute."""
    if isinstance(value, dict):
        return {name: format_value(inner, zone) for name, inner in value.items()}
    if isinstance(value, list):
        return [format_value(inner, zone) for inner in value]
    if isinstance(value, (int, float, UnknownAnswer)):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0)
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, tuple):
        return ", ".join(value)[:MAX_OUTPUT_LENGTH]
    return "" if value is None else value if isinstance(value, bool) else str(value)[:MAX_OUTPUT_LENGTH]
