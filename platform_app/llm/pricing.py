"""Pricing: what a reply cost, where the price is known."""

from genai_prices import Usage, calc_price


def cost(model: str, prompt_tokens: int, completion_tokens: int, *, is_offline: bool) -> float | None:
    """Return the price of a reply in US dollars; 0 for the offline model, nothing when the price is not known."""
    if is_offline:
        return 0.0
    try:
        usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
        return float(calc_price(usage, model_ref=model).total_price)
    except LookupError:
        return None
