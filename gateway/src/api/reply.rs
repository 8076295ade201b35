//! What the chat says by itself: polite, short, and honest about being no person.

use gateway_core::events::story::Reason;

/// The answer to a line, in the chat's language.
pub(super) fn reply(language: &str, reason: Option<&Reason>) -> String {
    let words = WORDS.iter().find(|words| language.split('-').next() == Some(words.language)).unwrap_or(&WORDS[0]);
    match reason {
        Some(reason) => words.understood.replace("{matter}", &reason.label),
        None => words.asked.to_owned(),
    }
}

struct Words {
    language: &'static str,
    understood: &'static str,
    asked: &'static str,
}

/// English first: it stands in for languages that are not here.
const WORDS: [Words; 3] = [
    Words {
        language: "en",
        understood: "I have noted: {matter}. Press Call, and the person who answers will already have read this.",
        asked: "Thank you. In a few words, what is it about? Or press Call: the person who answers will read what you wrote.",
    },
    Words {
        language: "uk",
        understood: "Занотовано: {matter}. Натисніть «Подзвонити» – людина, яка відповість, уже прочитає це.",
        asked: "Дякую. Скажіть кількома словами, про що йдеться? Або натисніть «Подзвонити»: людина побачить усе, що ви написали.",
    },
    Words {
        language: "ru",
        understood: "Записано: {matter}. Нажмите «Позвонить» – тот, кто ответит, уже прочтёт это.",
        asked: "Спасибо. Скажите в нескольких словах, о чём речь? Или нажмите «Позвонить»: тот, кто ответит, увидит всё, что вы написали.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_language_is_answered_in_english_and_a_region_does_not_matter() {
        assert_eq!(reply("fr", None), WORDS[0].asked);
        assert_eq!(reply("uk-UA", None), WORDS[1].asked);
    }
}
