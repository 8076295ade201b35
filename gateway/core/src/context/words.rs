//! The few words that we ourselves say to agents, in their languages.

use crate::events::story::ExitReason;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phrase {
    KnownCaller,
    UnknownCaller,
    Wrote,
    IsAbout,
    Chose,
    Waited,
    Seconds,
    AskedAgent,
    NoInput,
    NoMatch,
    ApiError,
    Routed,
    Resume,
    Transfer,
    Callback,
    Completed,
    First,
    Then,
    FromChat,
    FromWrapup,
    FromPortal,
    FromHabit,
    FromOthers,
    OpenCase,
    ActiveChat,
    Unfinished,
    Evidence,
    JustNow,
    MinutesAgo,
    HoursAgo,
    DaysAgo,
    TakesSeconds,
    HeldOut,
    Usual,
    Nothing,
}

impl Phrase {
    pub(crate) fn of_exit(kind: ExitReason) -> Self {
        match kind {
            ExitReason::AskedAgent => Self::AskedAgent,
            ExitReason::NoInput => Self::NoInput,
            ExitReason::NoMatch => Self::NoMatch,
            ExitReason::ApiError => Self::ApiError,
            ExitReason::Routed => Self::Routed,
            ExitReason::Resume => Self::Resume,
            ExitReason::Transfer => Self::Transfer,
            ExitReason::Callback => Self::Callback,
            ExitReason::Completed => Self::Completed,
        }
    }
}

/// The phrase in this language (BCP 47; the primary subtag counts), else in English.
pub(crate) fn say(language: &str, phrase: Phrase) -> &'static str {
    let [en, ru, uk] = translations(phrase);
    match language.split(['-', '_']).next() {
        Some("ru") => ru,
        Some("uk") => uk,
        Some(_) | None => en,
    }
}

fn translations(phrase: Phrase) -> [&'static str; 3] {
    match phrase {
        Phrase::KnownCaller => ["A known customer", "Известный клиент", "Відомий клієнт"],
        Phrase::UnknownCaller => ["An unknown caller", "Неизвестный абонент", "Невідомий абонент"],
        Phrase::Wrote => ["wrote in chat about", "пишет в чате:", "пише в чаті:"],
        Phrase::IsAbout => ["calls about", "звонит по вопросу", "дзвонить щодо"],
        Phrase::Chose => ["chose", "выбор в меню:", "вибір у меню:"],
        Phrase::Waited => ["waited", "ожидание", "очікування"],
        Phrase::Seconds => ["s", "с", "с"],
        Phrase::AskedAgent => ["asked for a person", "нужен оператор", "потрібен оператор"],
        Phrase::NoInput => ["stayed silent in the menu", "молчание в меню", "мовчання в меню"],
        Phrase::NoMatch => ["was lost in the menu", "не те клавиши в меню", "не ті клавіші в меню"],
        Phrase::ApiError => ["self-service failed", "сбой самообслуживания", "збій самообслуговування"],
        Phrase::Routed => ["sent on by the menu", "направлено из меню", "спрямовано з меню"],
        Phrase::Resume => ["goes on from an earlier session", "продолжение прошлого сеанса", "продовження минулого сеансу"],
        Phrase::Transfer => ["transferred", "перевод звонка", "переведення дзвінка"],
        Phrase::Callback => ["asked to be called back", "просит перезвонить", "просить передзвонити"],
        Phrase::Completed => ["served without a person", "обслужен без оператора", "обслуговано без оператора"],
        Phrase::First => ["first", "сначала", "спочатку"],
        Phrase::Then => ["then", "затем", "потім"],
        Phrase::FromChat => ["from a chat", "из чата", "з чату"],
        Phrase::FromWrapup => ["from an agent's wrap-up", "из итога разговора", "з підсумку розмови"],
        Phrase::FromPortal => ["from a visit to the site", "из визита на сайт", "з візиту на сайт"],
        Phrase::FromHabit => ["from own choices", "из прежних выборов", "з попередніх виборів"],
        Phrase::FromOthers => ["as all callers choose", "по выбору всех абонентов", "за вибором усіх абонентів"],
        Phrase::OpenCase => ["for an open case", "за открытое обращение", "за відкрите звернення"],
        Phrase::ActiveChat => ["for what the chat was about", "за тему чата", "за тему чату"],
        Phrase::Unfinished => ["for an unfinished session", "за незаконченный сеанс", "за незавершений сеанс"],
        Phrase::Evidence => ["from other channels", "из других каналов", "з інших каналів"],
        Phrase::JustNow => ["just now", "только что", "щойно"],
        Phrase::MinutesAgo => ["min ago", "мин назад", "хв тому"],
        Phrase::HoursAgo => ["h ago", "ч назад", "год тому"],
        Phrase::DaysAgo => ["d ago", "дн назад", "дн тому"],
        Phrase::TakesSeconds => ["s to say", "с звучания", "с звучання"],
        Phrase::HeldOut => [
            "Authored order: this caller is in the hold-out group",
            "Авторский порядок: абонент в контрольной группе",
            "Авторський порядок: абонент у контрольній групі",
        ],
        Phrase::Usual => [
            "Authored order, fixed by the script or at the caller's wish",
            "Обычный порядок: по сценарию или по просьбе абонента",
            "Звичайний порядок: за сценарієм або на прохання абонента",
        ],
        Phrase::Nothing => ["nothing is known", "ничего не известно", "нічого не відомо"],
    }
}
