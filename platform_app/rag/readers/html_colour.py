"""HTML colour: parses CSS colours as red, green and blue."""

import tinycss2.color4


def colour_of(written: str, current: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
    """Return a CSS colour as (red, green, blue) from 0 to 255; None if it is invalid, transparent or unknown.

    `current` is the colour of the surrounding text, for `currentcolor`.
    """
    for part in (written, *written.split()):  # `background` may say more than a colour
        colour = tinycss2.color4.parse_color(part.replace("!important", "").strip())
        if colour == "currentcolor":
            return current
        if colour is not None and colour.alpha >= 0.05:
            red, green, blue = colour.to("srgb").coordinates
            return round((red or 0) * 255), round((green or 0) * 255), round((blue or 0) * 255)
    return None
