"""Trace view: why a reply came out as it did, as the panel shows it."""

from dataclasses import dataclass, field
from typing import Any

from babel.numbers import format_decimal

from platform_app.i18n import plural, quoted, translate, translate_stored
from platform_app.models.conversation import Trace
from platform_app.services.chat.reply_reasons import Reason
from platform_app.state.rules.proof_view import ProofLine, ViewContext, describe_change, proof_lines

MAX_PROMPT_CHARS = 60_000  # characters of one message of a prompt that are shown


@dataclass
class ScoreBar:
    """A score of a passage from 0 to 1, and the threshold from which it is enough."""

    name: str
    value: str
    width: str
    threshold: str  # where its line is; "" if this score alone is never enough, or the threshold is not known
    is_enough: bool


@dataclass
class TracePassage:
    """A passage that was considered."""

    title: str
    text: str
    scores: list[ScoreBar]
    given_to_model: bool  # to the model
    cited: bool
    is_double: bool  # another passage given to the model has its text
    source_id: str  # "" if the source is deleted


@dataclass
class LabeledValue:
    """A name with its value."""

    name: str
    value: str


@dataclass
class DurationBar:
    """A length of time."""

    name: str
    value: str
    start: str
    width: str


def trace_passages(trace: Trace, language: str, source_ids: set[str]) -> list[TracePassage]:
    """Return the passages that were considered, best first; `source_ids` are the sources that are still there."""
    limits = trace.data.get("thresholds", {})
    return [_passage(passage, limits, language, source_ids) for passage in trace.data.get("passages", [])]


def _passage(passage: dict[str, Any], limits: dict[str, float], language: str, source_ids: set[str]) -> TracePassage:
    heading = passage.get("heading", "")
    return TracePassage(
        title=f"{passage['source_title']} › {heading}" if heading else passage["source_title"],
        text=passage["text"],
        scores=[
            _score_bar(translate(language, "Keywords"), passage.get("lexical_score"), limits.get("words"), language),
            _score_bar(translate(language, "Meaning"), passage.get("vector_score"), limits.get("meaning"), language),
        ],
        given_to_model=bool(passage["used"]),
        cited=bool(passage.get("cited")),
        is_double=bool(passage.get("is_double")),
        source_id=passage["source_id"] if passage.get("source_id") in source_ids else "",
    )


def _score_bar(name: str, score: float | None, limit: float | None, language: str) -> ScoreBar:
    shown = min(1.0, max(0.0, float(score or 0)))
    return ScoreBar(
        name,
        format_decimal(round(shown, 2), "0.00", locale=language),
        f"{round(100 * shown)}%",
        f"{round(100 * limit, 1)}%" if limit is not None and limit <= 1 else "",
        limit is not None and shown >= limit,
    )


def trace_facts(trace: Trace, language: str, *, for_admins: bool = False) -> list[LabeledValue]:
    """Return the facts of a trace as names and values; for admins with the id by which a collector has its spans."""
    data = trace.data
    own = data.get("settings", {})
    named = [
        ("Version", str(data["version"]) if data.get("version") else translate(language, "Draft")),
        ("Provider", str(data.get("provider", ""))),
        ("Model", trace.model),
        ("Temperature", format_decimal(own.get("temperature", 0), locale=language)),
        ("Max tokens", _count(own.get("max_tokens"), language)),
        ("Max reply length (characters)", _count(own.get("max_reply_chars"), language)),
        *_checks(data),
        ("Recordings and pictures", _media(data, language)),
        ("Failed models", _failed_calls(data, language)),
        ("Sent to the model", _sent(data)),
        ("Prompt tokens", _count(trace.prompt_tokens, language)),
        ("Cached prompt tokens", _sum(data, "cached_tokens", language)),
        ("Completion tokens", _count(trace.completion_tokens, language)),
        ("Reasoning tokens", _sum(data, "reasoning_tokens", language)),
        ("Requests", _sum(data, "requests", language)),
        ("Cost", _cost(trace.cost, language)),
        ("Finish reason", _ending(data.get("finish_reason"), language)),
        *_search(data, language),
        ("Messages in context", _count(data.get("history"), language)),
        ("Removed or changed for this model", _adapted(data, language)),
        ("Attempts", _count(data.get("tries"), language)),
        ("Triggered by", translate(language, _TRIGGERS.get(data.get("trigger", ""), "a message"))),
        ("OpenTelemetry trace", str(data.get("trace_id") or "") if for_admins else ""),
    ]
    known = [
        LabeledValue(translate(language, _KNOWN.get(name, str(name))), str(value))
        for name, value in data.get("known", [])
    ]
    if guided := data.get("guided"):
        known += [
            LabeledValue(f"{guided['title']}: {translate(language, words)}", value) for words, value in guided["given"]
        ]
    shown = [LabeledValue(translate(language, name), value) for name, value in named if value]
    return shown + [_tool_call(call, language) for call in data.get("tools", [])] + known


_TOOL_STATES = {"done": "Completed", "failed": "Failed", "refused": "Refused", "waiting": "Waits for a person"}


def _tool_call(call: dict[str, Any], language: str) -> LabeledValue:
    """Return a call of a tool: what became of it, its arguments and who decided."""
    state = translate(language, _TOOL_STATES.get(call["state"], call["state"]))
    told = translate(language, call["sentence"], **call["values"]) if call["sentence"] else ""
    words = f"{state}: {told} {call['arguments']}"
    if call["decided_by"]:
        words += f" ({translate(language, 'decided by {name}', name=call['decided_by'])})"
    return LabeledValue(f"{translate(language, 'Tool')} {call['name']}", words)


_TRIGGERS = {"message": "a message", "delay": "the end of the delay"}
_ENDINGS = {"stop": "complete", "length": "the limit of tokens was reached"}
_KNOWN = {
    "contact": "Contact",
    "phone": "Phone",
    "e-mail": "Email",
    "lead": "Lead",
    "stage": "Stage",
    "budget": "Budget",
}


def _adapted(data: dict[str, Any], language: str) -> str:
    told = [translate(language, sentence, value=value) for sentence, value in data.get("adapted", [])]
    if data.get("shortened"):
        told.append(translate(language, "a shorter prompt: the whole one was too long"))
    return "; ".join(told)


def _failed_calls(data: dict[str, Any], language: str) -> str:
    """Return the models that failed before their fallback was asked, each with the reason."""
    failed = [call for call in data.get("calls", [])[:-1] if call["failure"] and call["purpose"] in ("reply", "judge")]
    return "; ".join(
        f"{call['model'] or '—'} ({call['provider']}): {translate(language, call['failure'])}" for call in failed
    )


def _checks(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what the checks of a reply have found."""
    return [
        ("Figures without a source", "; ".join(data.get("figures", []))),
        ("Rewritten because of figures", "; ".join(data.get("rewritten_figures", []))),
        ("Broken lines", "; ".join(data.get("fired", []))),
        ("Spent budget", str(data.get("spent_budget") or "")),
    ]


def _media(data: dict[str, Any], language: str) -> str:
    """Return the recordings and pictures that the reply answers, each with its text or why there is none."""
    return "; ".join(
        f"{translate(language, file['name'])}: {file['text'] or translate(language, file['problem'])}"
        for file in data.get("media", {}).get("files", [])
    )


def _search(data: dict[str, Any], language: str) -> list[tuple[str, str]]:
    """Return what was searched for, and why the model made no query of the message, if it was asked and made none."""
    name = "Searched for, rewritten by the model" if data.get("rewritten_query") else "Searched for"
    failures = [call["failure"] for call in data.get("calls", []) if call["purpose"] == "search query"]
    failure = translate(language, failures[-1]) if failures and failures[-1] else ""
    models = [call["model"] for call in data.get("calls", []) if call["purpose"] == "reranking"]
    problem = translate(language, data["rerank_problem"]) if data.get("rerank_problem") else ""
    return [
        (name, str(data.get("search") or "")),
        ("Query not rewritten", failure),
        ("Passages reranked by", "" if problem else ", ".join(models)),
        ("Passages not reranked", problem),
    ]


def _sent(data: dict[str, Any]) -> str:
    """Return the parameters of the last request, as they were sent."""
    sent = data["calls"][-1]["sent"] if data.get("calls") else {}
    return ", ".join(f"{name}: {_plain(value)}" for name, value in sent.items())


def _plain(value: Any) -> str:
    return (
        " ".join(f"{name} {_plain(inner)}" for name, inner in value.items()) if isinstance(value, dict) else str(value)
    )


def _sum(data: dict[str, Any], name: str, language: str) -> str:
    """Return the sum of a count over all calls; empty if there are none."""
    total = sum(int(call.get(name) or 0) for call in data.get("calls", []))
    return _count(total, language) if total else ""


def _ending(reason: str | None, language: str) -> str:
    return translate(language, _ENDINGS[reason]) if reason in _ENDINGS else str(reason or "—")


def _count(value: Any, language: str) -> str:
    return "" if value is None else format_decimal(value, locale=language)


def _cost(cost: float | None, language: str) -> str:
    if cost is None:
        return translate(language, "not known")
    return f"${format_decimal(cost, '0.####', locale=language)}"


def trace_prompt(trace: Trace, language: str) -> list[LabeledValue]:
    """Return the messages that the model was given."""
    words = {"system": "For the model", "user": "Contact", "assistant": "Agent"}
    return [
        LabeledValue(translate(language, words.get(m["role"], "For the model")), str(m["content"])[:MAX_PROMPT_CHARS])
        for m in trace.data.get("prompt", [])
    ]


@dataclass
class TraceScript:
    """A script that was considered for a reply."""

    title: str
    applied: bool  # it was given to the model
    used: bool  # the reply stands on it
    script_id: str  # "" if it is deleted
    why: str
    proof: list[ProofLine] = field(default_factory=list)
    change: list[str] = field(default_factory=list)


def trace_scripts(trace: Trace, context: ViewContext, script_ids: set[str]) -> list[TraceScript]:
    """Return the scripts considered, each with the reason that decided, its proof, and what would change it.

    Those that the reply uses come first; `script_ids` are the scripts that are still there.
    """
    ordered = sorted(trace.data.get("scripts", []), key=lambda script: (not script.get("used"), not script["applied"]))
    return [
        TraceScript(
            script["title"],
            script["applied"],
            bool(script.get("used")),
            script["script_id"] if script.get("script_id") in script_ids else "",
            translate(context.language, script["why"], expected=script["expected"], actual=script["actual"]),
            proof_lines(script.get("proof", {}), context),
            [describe_change(change, context) for change in script.get("change", [])],
        )
        for script in ordered
    ]


def trace_durations(trace: Trace, language: str) -> list[DurationBar]:
    """Return the parts of the time as bars from when each began."""
    spent: dict[str, Any] = trace.data.get("milliseconds", {})
    prepared = int(spent.get("preparation", 0))
    named = [  # name, when it began, how long it took
        ("Retrieval", max(0, prepared - int(spent.get("retrieval", 0))), spent.get("retrieval", 0)),
        ("Prompt building", 0, prepared),
        ("First token", prepared, spent.get("first_token", 0)),
        ("Model", prepared, spent.get("model", 0)),
        ("Total", 0, trace.total_ms),
    ]
    longest = max(1, *(start + int(value or 0) for _, start, value in named))
    return [
        DurationBar(
            translate(language, name),
            translate(language, "{count} ms", count=_count(value, language)),
            f"{round(100 * start / longest, 1)}%",
            f"{round(100 * int(value or 0) / longest, 1)}%",
        )
        for name, start, value in named
    ]


def reason_sentences(reasons: list[Reason], language: str) -> list[str]:
    """Return the reasons of a reply as sentences."""
    return [_reason_sentence(reason, language) for reason in reasons]


def _reason_sentence(reason: Reason, language: str) -> str:
    values = dict(reason.values)
    if reason.names:
        values["names"] = ", ".join(quoted(language, name) for name in reason.names)
    if reason.many:
        return plural(language, reason.sentence, reason.many, reason.count, **values)
    return translate_stored(language, reason.sentence, values)
