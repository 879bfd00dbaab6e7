"""HTML colour: parses CSS colours as red, green and blue."""

import tinycss2.color4


def colour_of(written: str, current: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
    """Return a CSS colour as (red, green, blue) from 0 to 255; None if it is invalid, transparent or unknown.

    `current` is the colour of the surrounding text, for `currentcolor`.
    """
    for part in (written, *written.split()):  # `background` may say more than a colour
        found = tinycss2.color4.parse_color(part.replace("!important", "").strip())
        if found == "currentcolor":
            return current
        if found is not None and found.alpha >= 0.05:
            red, green, blue = found.to("srgb").coordinates
            return round((red or 0) * 255), round((green or 0) * 255), round((blue or 0) * 255)
    return None
