"""Units: words and signs that stand beside a number, with what they make of it, in the languages of replies."""

from dataclasses import dataclass
from functools import cache

from babel.dates import get_month_names

CLOCK, MORNING, EVENING = "clock", "morning", "evening"  # the number is an hour
MONTH = "month"  # the number is a day


@dataclass(frozen=True)
class Unit:
    """What a word makes of a number: a quantity of this kind, `factor` times the base unit; of a month its number."""

    kind: str
    factor: float = 1.0


_WORDS: dict[Unit, str] = {
    Unit("money:RUB"): "₽ р руб рубль рубля рублей рубли рублях рублям рублями rub rur rubles roubles ruble rouble",
    Unit("money:USD"): "$ us$ usd доллар доллара долларов долларах доллары dollar dollars bucks dólares dólar",
    Unit("money:EUR"): "€ eur евро euro euros",
    Unit("money:GBP"): "£ gbp фунт фунта фунтов pounds",
    Unit("money:KZT"): "₸ kzt тенге tenge тг",
    Unit("money:UAH"): "₴ uah грн гривна гривны гривен гривень гривні гривня hryvnia hryvnias",
    Unit("money:BYN"): "byn",
    Unit("money:UZS"): "uzs сум сума сумов",
    Unit("money:CNY"): "¥ cny юань юаня юаней yuan",
    Unit("money:PLN"): "zł pln злотых злотый злотого",
    Unit("money:TRY"): "₺ try лира лиры лир lira liras",
    Unit("money:INR"): "₹ inr rs рупия рупий rupees rupee",
    Unit("money:AED"): "aed дирхам дирхама дирхамов dirham dirhams",
    Unit("percent"): "% процент процента процентов процентам процентами percent pct prozent",
    Unit("permille"): "‰",
    Unit("duration", 1 / 60): "сек секунда секунды секунд секунду sec secs second seconds sekunden segundos",
    Unit("duration"): "мин минута минуты минут минуту минутах min mins minute minutes minuto minutos minuten хв хвилин",
    Unit(
        "duration", 60
    ): "ч h час часа часов часу часам hr hrs hour hours hora horas stunde stunden годин години heures",
    Unit("duration", 1440): (
        "день дня дней дни дню днях дн сутки суток сут day days día días dia dias tag tage tagen днів дні jours"
    ),
    Unit("duration", 10080): (
        "неделя недели недель неделю нед week weeks semana semanas woche wochen тижні тижнів тиждень semaines"
    ),
    Unit("months"): "месяц месяца месяцев мес month months mes meses monat monate monaten місяць місяці місяців mois",
    Unit("months", 12): "год года лет году годов year years yr yrs año años jahr jahre jahren рік роки років ans",
    Unit("night"): "ночей ночь night nights",
    Unit("mass", 0.001): "мг mg",
    Unit("mass"): "г гр грамм грамма граммов g gr gram grams",
    Unit("mass", 1000): "кг килограмм килограмма килограммов kg kgs kilo kilos",
    Unit("mass", 1_000_000): "т тонна тонны тонн ton tons tonnes",
    Unit("mass", 453.592): "lb lbs фунтов",
    Unit("mass", 28.3495): "oz ounces",
    Unit("length", 0.001): "мм mm",
    Unit("length", 0.01): "см cm сантиметр сантиметра сантиметров",
    Unit("length"): "м метр метра метров m meter meters metre metres metros",
    Unit("length", 1000): "км километр километра километров km kilometers kilometres",
    Unit("length", 1609.344): "mile miles mi миль мили",
    Unit("length", 0.0254): "″ дюйм дюйма дюймов inch inches",
    Unit("length", 0.3048): "ft feet foot фут фута футов",
    Unit("area"): "м2 кв.м m2 sqm",
    Unit("area", 100): "соток сотки сотка",
    Unit("area", 10_000): "га гектар гектара гектаров ha hectares",
    Unit("volume", 0.001): "мл ml",
    Unit("volume"): "л литр литра литров l liter liters litre litres",
    Unit("volume", 1000): "м3 m3",
    Unit("bytes"): "мб mb",
    Unit("bytes", 1000): "гб gb",
    Unit("bytes", 1_000_000): "тб tb",
    Unit("speed"): "км/ч km/h kmh",
    Unit("power"): "вт w ватт watt watts",
    Unit("power", 1000): "квт kw",
    Unit("power", 735.5): "лс hp",
    Unit("voltage"): "вольт volt volts",
    Unit("energy"): "квтч kwh",
    Unit("charge", 0.001): "мач mah",
    Unit("frequency"): "гц hz",
    Unit("degrees"): "° °c °с °f градус градуса градусов degrees",
    Unit("pieces"): "шт штука штуки штук штуку pcs pieces piece stück piezas",
    Unit("people"): "человек человека людей чел people persons person guests гостей гостя pax personas personen",
    Unit("seats"): "мест места место seats seat",
    Unit("lessons"): "занятий занятия занятие уроков урока урок lesson lessons sessions занять",
    Unit("visits"): "визит визита визитов посещений посещения visits",
    Unit("rooms"): "комнат комнаты rooms bedrooms спален спальни",
    Unit("points"): "балл балла баллов points бонусов бонуса",
    Unit("stars"): "звезды звезд звёзд звезда stars star",
    Unit(CLOCK): "uhr o'clock o’clock ч h час часа часов",
    Unit(MORNING): "am a.m утра ранку mañana",
    Unit(EVENING): "pm p.m вечера вечора дня tarde",
}
_EITHER_HALF = "ночи ночі noche"  # of the day
_ADJECTIVES = {  # beginnings, after a hyphen: 24-часовой, 5-дневный, 10-day
    "час": Unit("duration", 60),
    "минутн": Unit("duration"),
    "дневн": Unit("duration", 1440),
    "недельн": Unit("duration", 10080),
    "месячн": Unit("months"),
    "летн": Unit("months", 12),
    "процентн": Unit("percent"),
    "местн": Unit("seats"),
    "комнатн": Unit("rooms"),
    "метров": Unit("length"),
    "литров": Unit("volume"),
}
_ATTACHED = {  # words that are something else when a space stands before them
    "d": (Unit("duration", 1440),),
    "p": (Unit("money:RUB"),),
}
_CAPITALS = "LWHЧМКГР$"  # that are units, though attached to a number
SCALES = {
    "тыс": 1e3, "тысяч": 1e3, "тысячи": 1e3, "тысяча": 1e3, "тысячу": 1e3, "млн": 1e6, "миллион": 1e6,
    "миллиона": 1e6, "миллионов": 1e6, "млрд": 1e9, "thousand": 1e3, "million": 1e6, "mln": 1e6, "billion": 1e9,
    "mil": 1e3, "millones": 1e6,
}  # fmt: skip
ATTACHED_SCALES = {"k": 1e3, "к": 1e3}
_LANGUAGES = ("ru", "en", "uk", "es", "de", "fr", "pt", "it", "pl", "tr", "kk")
_SHORT_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec", "янв фев мар апр мая июн июл авг сен окт ноя дек"


@cache
def _units() -> dict[str, tuple[Unit, ...]]:
    by_word: dict[str, tuple[Unit, ...]] = {}
    for unit, words in _WORDS.items():
        for word in words.split():
            by_word[word] = (*by_word.get(word, ()), unit)
    for word in _EITHER_HALF.split():
        by_word[word] = (*by_word.get(word, ()), Unit(MORNING), Unit(EVENING))
    return by_word


@cache
def _months() -> dict[str, int]:
    by_name: dict[str, int] = {"sept": 9, "сент": 9, "нояб": 11, "февр": 2}
    for line in _SHORT_MONTHS:
        by_name |= {name: number for number, name in enumerate(line.split(), 1)}
    for language in _LANGUAGES:
        for context in ("format", "stand-alone"):
            names = get_month_names("wide", context, language)
            by_name |= {names[number].casefold(): number for number in range(1, 13)}
    return by_name


def month_number(word: str) -> int:
    """Return the number of the month of this name, 0 if it is none. The English word "may" is a name as "May" alone."""
    return 0 if word == "may" else _months().get(word.casefold(), 0)


def units_of(word: str, *, is_attached: bool = False, is_hyphenated: bool = False) -> tuple[Unit, ...]:
    """Return what a word may make of the number before it; nothing if it is no unit.

    `is_attached` means that no space stands between them, `is_hyphenated` that a hyphen does.
    """
    if is_attached and len(word) == 1 and word.isupper() and word not in _CAPITALS:
        return ()  # 5G, 4K
    bare = word.casefold().rstrip(".")
    if is_hyphenated:
        adjective = next((unit for stem, unit in _ADJECTIVES.items() if bare.startswith(stem)), None)
        if adjective is not None:
            return (adjective,)
    if is_attached and bare in _ATTACHED:
        return _ATTACHED[bare]
    return _units().get(bare, ())
