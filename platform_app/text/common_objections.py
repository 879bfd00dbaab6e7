"""Common objections: what customers say instead of "yes", by kind, in English and Russian, as further examples."""

_KINDS = (
    # the price is too high
    "That is a lot of money;The price is too high for me;I did not expect it to cost so much;It is overpriced;"
    "That is beyond what I planned to pay;Why does it cost so much?;You charge a fortune;"
    "It is not worth the money;I cannot justify that price;That is steep;Your rates are sky-high;"
    "Цена слишком высокая;Дороговато выходит;Цены у вас кусаются;Не ожидал, что столько стоит;"
    "Это завышенная цена;За эти деньги не возьму;Почему так дорого?;Сумма великовата;Оно столько не стоит;"
    "Я рассчитывала на меньшую сумму;Ценник конский",
    # think it over
    "I need to think about it;Let me sleep on it;I will consider it and come back;I am not ready to decide;"
    "I have to weigh it up;Give me some time to decide;I am still hesitating;I will let you know later;"
    "Мне нужно подумать;Я ещё взвешиваю;Не готов решить прямо сейчас;Пока сомневаюсь;Надо всё обдумать;"
    "Я подумаю и напишу позже;Дайте время на размышление;Ещё не определилась;Решу на следующей неделе",
    # others are cheaper
    "Others sell it for less;I found it cheaper elsewhere;Your competitor has a better price;"
    "I saw a lower price online;Another company offered me a better deal;It costs less in the shop next door;"
    "I was quoted less somewhere else;У других дешевле;Нашёл в другом месте за меньшие деньги;"
    "У конкурентов цена ниже;В интернете это стоит меньше;В другой компании предложили выгоднее;"
    "На маркетплейсе дешевле;Видел такое же, но подешевле",
    # no money
    "I have no money for it now;I am broke;We have no budget this quarter;I cannot afford it;"
    "My salary comes next week;Money is tight at the moment;There are no funds for that;Сейчас нет денег;"
    "Не могу себе это позволить;Бюджета на это не предусмотрено;Жду зарплату;С деньгами сейчас туго;"
    "Финансы не позволяют;Мы всё потратили",
    # no need
    "I do not need it;We already have one;I am fine without it;It is of no use to me;We are not interested;"
    "What would I do with it?;That is not for me;Мне это не нужно;У меня уже есть такой;Обойдусь без этого;"
    "Мне это ни к чему;Нам неинтересно;Зачем мне это?;Это не для меня;Пользоваться всё равно не буду",
    # no trust
    "How do I know you are not a scam?;I do not trust you;Who guarantees that you will deliver?;"
    "I was cheated before;I am afraid to pay in advance;This looks suspicious;Prove that you are real;"
    "I do not believe these promises;Я вам не доверяю;Откуда мне знать, что это не обман?;Меня уже обманывали;"
    "Боюсь платить вперёд;Кто гарантирует, что товар придёт?;Похоже на развод;Что-то не верится;"
    "Первый раз слышу о вашей компании",
    # no time
    "I have no time right now;I am busy;I am in a meeting;It is a bad moment to talk;I cannot deal with this now;"
    "Мне сейчас некогда;Я занят;Неудобно говорить;Я за рулём;Времени нет этим заниматься;Я на совещании;"
    "Давайте не сейчас",
    # ask somebody
    "I have to ask my wife;My boss decides that;I need to discuss it with my partner;"
    "The committee has to approve it;I will talk to my family first;It is not only up to me;"
    "Надо посоветоваться с мужем;Решает начальник;Обсужу с партнёром;Должны согласовать наверху;"
    "Поговорю с семьёй;Один я такое не решаю;Спрошу у коллег",
    # quality
    "The quality looks poor;It will break in a month;It seems flimsy;I doubt that it lasts;Cheap materials;"
    "I have heard that it breaks often;Качество так себе;Через месяц развалится;Материал дешёвый;"
    "Боюсь, ненадолго хватит;Говорят, часто ломается;Сделано кое-как",
    # the wait is too long
    "The delivery takes too long;I cannot wait that long;I need it today;That is too late for me;"
    "Two weeks is too much;Слишком долго ждать;Мне надо быстрее;Так долго ждать не могу;К празднику не успеет;"
    "Это поздно для меня;Три недели — это слишком",
    # too complicated
    "It is too complicated for me;I will not figure it out;Too many settings;It is hard to install;"
    "I am not good with technology;Слишком сложно;Я в этом не разберусь;Трудно установить;"
    "Много настроек, запутаюсь;Я с техникой на вы",
    # bad reviews
    "Your reviews are bad;People complain about you;I read terrible things online;You have a low rating;"
    "My friend was unhappy with you;О вас плохие отзывы;Люди на вас жалуются;Прочитал много негатива;"
    "Рейтинг у вас низкий;Знакомая осталась недовольна",
    # another one has the job
    "We work with another supplier;We are happy with what we have;We have a contract with others;"
    "I always buy elsewhere;Мы уже работаем с другими;Нас устраивает нынешний поставщик;"
    "У нас контракт с другой фирмой;Всегда беру в другом месте",
    # not now
    "Not now, maybe next year;It is not the right time;Come back in the summer;Let us postpone it;"
    "Не сейчас, может быть, через год;Ещё не время;Давайте вернёмся к этому летом;Отложим пока",
    # it does not fit
    "It does not suit me;I do not like the color;It is too big for us;It lacks what I need;"
    "I expected something else;Мне не подходит;Не нравится цвет;Слишком большой для нас;Нет нужной функции;"
    "Я ожидал другого",
)
COMMON_OBJECTIONS = tuple(tuple(kind.split(";")) for kind in _KINDS)
