"""Shop questions: what people ask the demo's shop, in several wordings, and what its articles do not answer."""

from typing import NamedTuple


class Asked(NamedTuple):
    """A question, the words of the article that answer it, and other ways to come to them."""

    question: str
    answer: str  # as the passage has it
    typo: str
    before: str  # what was asked before `then`
    then: str  # the follow-up that can be understood only after `before`
    then_answer: str


RU = (
    Asked(
        "Сколько стоит доставка по городу?",
        "Доставка по городу стоит 400 рублей",
        "Скоко стоит достаквa по городу?",
        "Сколько стоит доставка по городу?",
        "А в другой город?",
        "Посылка с запчастями стоит 700 рублей",
    ),
    Asked(
        "Во сколько вы закрываетесь в субботу?",
        "в субботу с 10:00 до 18:00",
        "во сколько закрываетсь в суботу",
        "До скольки вы работаете в будни?",
        "А в воскресенье?",
        "в воскресенье с 11:00 до 16:00",
    ),
    Asked(
        "Можно ли вернуть шлем после падения?",
        "Шлемы после падения",
        "можно вернуть шлемм посли падения?",
        "Как вернуть товар, если он не подошёл?",
        "А деньги когда придут?",
        "Деньги возвращаются на ту же карту в течение пяти рабочих дней",
    ),
    Asked(
        "Какая гарантия на аккумулятор электровелосипеда?",
        "на аккумулятор — 12 месяцев",
        "какая гарантея на акумулятор электровелосипеда",
        "Какая гарантия на раму?",
        "А на ремонт у вас?",
        "60 дней на работу и поставленные детали",
    ),
    Asked(
        "Сколько стоит взять напрокат горный велосипед на день?",
        "горный — 600 рублей в час или 2200 рублей в день",
        "сколько стоит прокт горного велосипеда на день",
        "Хочу взять напрокат велосипед на выходные",
        "Какие документы нужны?",
        "Нужен паспорт или водительское удостоверение",
    ),
    Asked(
        "Сколько стоит заменить цепь?",
        "Замена цепи: 700 рублей",
        "сколько стоит земена цепи",
        "Сколько стоит сезонное обслуживание?",
        "И сколько времени это займёт?",
        "Сезонное обслуживание занимает один день",
    ),
    Asked(
        "Есть ли рассрочка без процентов?",
        "для 3 и 6 платежей без процентов",
        "есть расрочка без процентов?",
        "Можно купить велосипед в рассрочку?",
        "какие документы?",
        "Нужен паспорт; ответ приходит за десять минут",
    ),
    Asked(
        "Сколько действует подарочная карта?",
        "Карта действует два года",
        "сколько действует подарочня карта",
        "У вас есть подарочные карты?",
        "А потерянную можно восстановить?",
        "Потерянную карту заменим, если сохранился чек",
    ),
    Asked(
        "На сколько километров хватает заряда электровелосипеда?",
        "Запас хода от 60 до 120 км",
        "какой запс хода у электровелосипеда",
        "Сколько по времени заряжается электровелосипед?",
        "А зимой как с ним?",
        "Зимой держите аккумулятор при комнатной температуре",
    ),
    Asked(
        "Сколько стоит зимнее хранение велосипеда за сезон?",
        "4800 рублей за сезон",
        "сколько стоит зимние хранние велосипеда",
        "Вы берёте велосипеды на зимнее хранение?",
        "А это застраховано?",
        "застраховано от пожара, воды и кражи",
    ),
)

EN = (
    Asked(
        "How much is delivery inside the city?",
        "Delivery inside the city costs 5 euros",
        "how much is delivry inside the citty",
        "How much is delivery inside the city?",
        "And to another city?",
        "a bicycle in a box costs 29 euros",
    ),
    Asked(
        "When do you close on Saturday?",
        "on Saturday from 10:00 to 18:00",
        "when do you clse on saterday",
        "What are your opening hours during the week?",
        "And on Sunday?",
        "on Sunday from 11:00 to 16:00",
    ),
    Asked(
        "Can I return a helmet that was worn in a fall?",
        "Helmets that were worn in a fall",
        "can i retrun a helmit worn in a fall",
        "How do I return an item that does not fit?",
        "When do I get the money?",
        "We pay the money back to the same card within five working days",
    ),
    Asked(
        "How long is the warranty on the battery of an electric bicycle?",
        "12 months or 500 charging cycles on the battery",
        "how long is the waranty on the batery",
        "How long is the warranty on the frame?",
        "What about your repairs?",
        "Repairs in our workshop have a warranty of 60 days",
    ),
    Asked(
        "What does it cost to rent a mountain bicycle for a day?",
        "mountain bicycles 8 euros an hour or 28 euros a day",
        "price to rent a mountan bicycel for a day",
        "I would like to rent a bicycle for the weekend",
        "Which documents do I need?",
        "You need an identity card or a driving licence",
    ),
    Asked(
        "How much is a new chain fitted?",
        "Replacing a chain: 9 euros",
        "how much is replacing a chian",
        "How much is a seasonal service?",
        "And how long does it take?",
        "A seasonal service takes one day",
    ),
    Asked(
        "Are there instalments without interest?",
        "without interest for 3 and 6 payments",
        "are there instalmants without intrest",
        "Can I buy a bicycle in instalments?",
        "which documents?",
        "You need an identity card; the answer comes within ten minutes",
    ),
    Asked(
        "How long is a gift card valid?",
        "A card is valid for two years",
        "how long is a gfit card vaild",
        "Do you sell gift cards?",
        "What if it gets lost?",
        "A lost card can be replaced if you still have the receipt",
    ),
    Asked(
        "How far does an electric bicycle go on one charge?",
        "The range is 60 to 120 km",
        "what is the rnage of an electirc bicycle",
        "How long does it take to charge an electric bicycle?",
        "And what about winter?",
        "In winter keep the battery at room temperature",
    ),
    Asked(
        "How much does winter storage cost for a season?",
        "60 euros for the whole season",
        "how much is wintr storge for a season",
        "Do you store bicycles in winter?",
        "Is it insured?",
        "insured against fire",
    ),
)

# What the articles do not answer: the first ten are near to what they tell of, the others are not.
ABSENT_RU = (
    "Сколько стоит аренда самоката?",
    "Вы доставляете за границу?",
    "Можно ли оплатить заказ криптовалютой?",
    "Какая гарантия на велокомпьютер другого магазина?",
    "Сколько стоит покраска рамы?",
    "Вы ремонтируете детские коляски?",
    "Есть ли у вас складные велосипеды?",
    "Можно ли взять напрокат палатку?",
    "Сдаёте ли вы помещение мастерской под мероприятия?",
    "Продаёте ли вы лыжи и сноуборды?",
    "Как приготовить борщ?",
    "Кто написал «Войну и мир»?",
    "Какая погода будет в Казани?",
    "Нужна ли виза в Японию?",
    "Сколько лет президенту Франции?",
    "Как настроить принтер?",
    "Чем кормить хомяка?",
    "Какой курс доллара?",
    "Где купить билеты в театр?",
    "Как вылечить насморк?",
)
ABSENT_EN = (
    "How much is it to rent a scooter?",
    "Do you ship abroad?",
    "Can I pay with bitcoin?",
    "Do you repair prams?",
    "How much does it cost to paint a frame?",
    "Do you have folding bicycles?",
    "Can I rent a tent?",
    "Do you sell skis and snowboards?",
    "Can I sell you my old motorcycle?",
    "Do you organise guided tours to the Alps?",
    "How do I cook borscht?",
    "Who wrote War and Peace?",
    "What will the weather be in Berlin?",
    "Do I need a visa for Japan?",
    "How old is the president of France?",
    "How do I set up a printer?",
    "What should I feed a hamster?",
    "What is the dollar exchange rate?",
    "Where can I buy theatre tickets?",
    "How do I cure a cold?",
)
POLITE = {
    "ru": (
        "Здравствуйте! Подскажите, пожалуйста: {} Заранее спасибо!",
        "Добрый день, извините за беспокойство. {} Буду очень благодарна за ответ.",
        "Приветствую вас! Хотелось бы узнать, будьте добры: {} Хорошего вам дня!",
    ),
    "en": (
        "Hello! Could you please tell me: {} Thanks in advance!",
        "Good afternoon, sorry to bother you. {} I would really appreciate your help, have a nice day!",
        "Hi there, hope you are well. I was wondering: {} Many thanks and best regards",
    ),
}
NAMED = {
    "ru": ("Меня зовут Анна, {}", "Это Сергей Петрович из Нижнего Новгорода. {}", "{} С уважением, Ольга Викторовна"),
    "en": ("My name is Anna, {}", "This is Sergio from Liverpool. {}", "{} Kind regards, Margaret Thornton"),
}
QUESTIONS = {"ru": RU, "en": EN}
ABSENT = {"ru": ABSENT_RU, "en": ABSENT_EN}
