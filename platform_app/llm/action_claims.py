"""Action claims: whether a reply says that its author has done something, such as booked, cancelled or changed."""

import re

_RU_VERBS = (
    r"созда|запис|заброниров|оформ|отмен|перен[её]с|измен|обнов|добав|отправ|переда|назнач|вн[её]с|перев[её]|удал|заказ"
    r"|зарегистриров|закры|поставил|сделал|подтверд|верну"
)
_EN_VERBS = (
    r"created|booked|scheduled|rescheduled|cancelled|canceled|changed|updated|added|moved|sent|assigned|registered"
    r"|recorded|noted|saved|deleted|removed|placed|ordered|refunded|confirmed|submitted|passed|forwarded|closed|done|made"
)
_CLAIMS = re.compile(
    rf"\b(?:я|мы)\s+(?:уже\s+|только что\s+|вам\s+|вас\s+|это\s+|всё\s+|все\s+)*(?:{_RU_VERBS})\w*(?:л|ла|ли)\b"
    rf"|\b(?:{_RU_VERBS})\w*(?:ена|ено|ены|ана|ано|аны|ён|ен|ан|та|то|ты)\b"
    r"|\bвы записаны\b|(?:^|[.!?]\s*)(?:готово|сделано)\b"
    rf"|\b(?:i|we)(?:['’]ve|\s+have|\s+had)?\s+(?:just\s+|already\s+|now\s+)*(?:{_EN_VERBS})\b"
    rf"|\b(?:has|have)\s+(?:just\s+|already\s+|now\s+)*been\s+(?:{_EN_VERBS})\b"
    rf"|\b(?:is|are)\s+(?:now\s+|already\s+)(?:{_EN_VERBS})\b"
    r"|(?:^|[.!?]\s*)(?:all\s+)?done\b",
    re.IGNORECASE | re.MULTILINE,
)
RETELL = (
    "This reply says that something was done, but no tool was called and nothing was done. If a tool can do it, "
    "call it now. Else write the reply again, without saying or implying that anything was done."
)


def claims_action(text: str) -> bool:
    """Return whether a text says that its author has done something."""
    return bool(_CLAIMS.search(text))
