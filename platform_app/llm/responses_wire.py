"""Responses wire: requests and events of the Responses API, converted from and into those of chat completions."""

import json
from typing import Any

_TEXT = ("response.output_text.delta", "response.refusal.delta")
_REASONING = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")
_ENDS = ("response.completed", "response.incomplete", "response.done")


def request_body(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a request of the Responses API for one of chat completions. Nothing is stored there."""
    messages = body["messages"]
    instructions = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    converted: dict[str, Any] = {
        "model": body["model"],
        "input": [item for message in messages if message["role"] != "system" for item in _items(message)],
        "stream": True,
        "store": False,
    }
    if instructions:
        converted["instructions"] = instructions
    if limit := body.get("max_completion_tokens") or body.get("max_tokens"):
        converted["max_output_tokens"] = limit
    if "temperature" in body:
        converted["temperature"] = body["temperature"]
    if "reasoning_effort" in body:
        converted["reasoning"] = {"effort": body["reasoning_effort"]}
    if "tools" in body:
        converted["tools"] = [{"type": "function", "strict": False, **tool["function"]} for tool in body["tools"]]
    return converted


def _items(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the input items of a message: its text, its tool calls, or the result of one."""
    if message["role"] == "tool":
        return [
            {"type": "function_call_output", "call_id": message["tool_call_id"], "output": message.get("content") or ""}
        ]
    items: list[dict[str, Any]] = []
    if message.get("content"):
        items.append({"role": message["role"], "content": _content(message["content"])})
    for call in message.get("tool_calls") or []:
        told = call["function"]
        items.append(
            {"type": "function_call", "call_id": call["id"], "name": told["name"], "arguments": told["arguments"]}
        )
    return items


def _content(content: Any) -> Any:
    """Return the content of a message, a text or parts of text and pictures."""
    if isinstance(content, str):
        return content
    return [
        {"type": "input_image", "image_url": part["image_url"]["url"]}
        if part["type"] == "image_url"
        else {"type": "input_text", "text": part["text"]}
        for part in content
    ]


def to_chunk(event: Any) -> Any:
    """Return an event of the Responses API as a chunk of chat completions; what is no such event is left as it is."""
    if not isinstance(event, dict):
        return event
    if event.get("object") == "response":  # a whole response in place of a stream
        return _end(event)
    kind = event.get("type")
    if not isinstance(kind, str) or "choices" in event:
        return event
    if kind in ("error", "response.failed"):
        response = event.get("response")
        told = (response.get("error") if isinstance(response, dict) else None) or event.get("error") or event
        return {"error": told}
    if kind in _ENDS:
        return _end(event.get("response"))
    if not kind.startswith("response."):
        return event
    return _progress(kind, event)


def _progress(kind: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return the chunk of an event that is not the last one."""
    if kind in _TEXT:
        return _chunk({"content": event.get("delta")})
    if kind in _REASONING:
        return _chunk({"reasoning_content": event.get("delta")})
    item = event.get("item")
    if kind == "response.output_item.done" and isinstance(item, dict) and item.get("type") == "function_call":
        return _chunk({"tool_calls": [_tool_call(item, int(event.get("output_index") or 0))]})
    response = event.get("response")
    return {"choices": [], "model": response.get("model") if isinstance(response, dict) else None}


def _end(response: Any) -> dict[str, Any]:
    """Return the last chunk for a whole response: its text and calls, its usage and the finish reason."""
    if not isinstance(response, dict):
        return {"error": {"message": "no response", "type": "server_error"}}
    if isinstance(response.get("error"), dict):
        return {"error": response["error"]}
    output = [item for item in response.get("output") or [] if isinstance(item, dict)]
    text = "".join(
        str(part.get("text") or part.get("refusal") or "")
        for item in output
        if item.get("type") == "message"
        for part in item.get("content") or []
        if isinstance(part, dict)
    )
    calls = [_tool_call(item, index) for index, item in enumerate(output) if item.get("type") == "function_call"]
    message: dict[str, Any] = {"content": text} | ({"tool_calls": calls} if calls else {})
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(response, calls)}
    return {"choices": [choice], "model": response.get("model"), "usage": _usage(response.get("usage"))}


def _finish_reason(response: dict[str, Any], calls: list[dict[str, Any]]) -> str:
    if response.get("status") == "incomplete":
        details = response.get("incomplete_details")
        reason = str(details.get("reason") or "") if isinstance(details, dict) else ""
        return "content_filter" if reason == "content_filter" else "length"
    if response.get("status") in ("failed", "cancelled"):
        return "error"
    return "tool_calls" if calls else "stop"


def _tool_call(item: dict[str, Any], index: int) -> dict[str, Any]:
    arguments = item.get("arguments")
    return {
        "index": index,
        "id": str(item.get("call_id") or item.get("id") or ""),
        "function": {
            "name": str(item.get("name") or ""),
            "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments or {}),
        },
    }


def _usage(usage: Any) -> Any:
    if not isinstance(usage, dict):
        return None
    return usage | {"prompt_tokens": usage.get("input_tokens"), "completion_tokens": usage.get("output_tokens")}


def _chunk(delta: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}
