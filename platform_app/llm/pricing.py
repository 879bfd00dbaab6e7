"""Pricing: the cost of a reply by the price list of genai-prices."""

from genai_prices import Usage, calc_price


def cost(model: str, prompt_tokens: int, completion_tokens: int, *, is_offline: bool) -> float | None:
    """Return the cost of a reply in US dollars: 0.0 for the offline model, None if the price is unknown."""
    if is_offline:
        return 0.0
    try:
        usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
        return float(calc_price(usage, model_ref=model).total_price)
    except LookupError:
        return None
