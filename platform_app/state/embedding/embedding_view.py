"""Embedding view: what the page of the search settings shows of a tenant's embedding models and of a trial."""

from dataclasses import dataclass

from babel.numbers import format_decimal

from platform_app.i18n import plural, translate
from platform_app.models.embedding_model import EmbeddingModel, EmbeddingState
from platform_app.services.embedding.embedding_trials import Trial
from platform_app.state.analytics.analytics_words import dollar_words

_MILLION = 1_000_000
_PRICE_UNKNOWN = "price not known"


@dataclass
class EmbeddingRow:
    """An embedding model whose vectors answer, are computed or could not be."""

    id: str
    state: str
    name: str  # with its provider
    dimensions: str
    cost: str
    progress: int  # per cent
    progress_words: str
    problem: str


def embedding_row(row: EmbeddingModel, providers: dict[str, str], language: str) -> EmbeddingRow:
    """Return a model as it is shown; `providers` are names by id."""
    name = translate(language, "Model of the installation")
    if row.provider_id:
        name = f"{row.model} · {providers.get(row.provider_id, '')}"
    told = "Passages: {done} of {total}"
    is_building = row.state == EmbeddingState.BUILDING
    return EmbeddingRow(
        id=row.id,
        state=row.state.value,
        name=name,
        dimensions=_number(row.dimensions, language) if row.dimensions else "",
        cost=_cost(row, language) if row.provider_id else "",
        progress=min(100, round(100 * row.done / row.total)) if row.total else 0,
        progress_words=translate(
            language, told, done=_number(min(row.done, row.total), language), total=_number(row.total, language)
        )
        if is_building and row.total
        else "",
        problem=translate(language, row.problem) if row.problem else "",
    )


def trial_words(trial: Trial, language: str) -> str:
    """Return the sentence about a trial that succeeded."""
    price = translate(language, _PRICE_UNKNOWN)
    if trial.price is not None:
        price = translate(language, "{price} per million tokens", price=dollar_words(language, trial.price * _MILLION))
    one, many = "{count} dimension, {price}, {milliseconds} ms.", "{count} dimensions, {price}, {milliseconds} ms."
    values = {"price": price, "milliseconds": _number(trial.milliseconds, language)}
    return plural(language, one, many, trial.dimensions, **values)


def meaning_words(trial: Trial, language: str) -> str:
    """Return the sentence about what a model's similarities are good for."""
    if trial.knows_meaning:
        return translate(language, "It finds answers in other words and in the other language.")
    return translate(
        language, "It doesn’t find answers in the other language: passages still need words of the question."
    )


def estimate_words(trial: Trial, language: str) -> str:
    """Return the sentence about what a change to the tried model costs."""
    if trial.dollars is None:
        one, many = "{count} passage is computed again.", "{count} passages are computed again."
        return plural(language, one, many, trial.chunks)
    one = "{count} passage is computed again, for about {cost}."
    many = "{count} passages are computed again, for about {cost}."
    return plural(language, one, many, trial.chunks, cost=dollar_words(language, trial.dollars))


def _cost(row: EmbeddingModel, language: str) -> str:
    if not row.is_priced and not row.dollars:
        return translate(language, _PRICE_UNKNOWN)
    return dollar_words(language, row.dollars)


def _number(value: int, language: str) -> str:
    return str(format_decimal(value, locale=language))
