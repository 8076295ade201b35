//! Speech is never taken for keys, and keys are found in it. An hour of it: `cargo bench -p tests --bench talk_off`.

use std::time::Duration;

use tests::speech::{LANGUAGES, dialled_over, keys_in, spoken};

#[test]
fn minutes_of_speech_in_three_languages_hold_no_key_and_every_key_that_is_pressed_into_them() {
    for language in LANGUAGES {
        let speech = spoken(language, 1, Duration::from_secs(120));
        assert_eq!(keys_in(&speech), "", "{language}");
        let (mixed, pressed) = dialled_over(&speech, 2);
        assert!(pressed.len() >= 300);
        assert_eq!(keys_in(&mixed), pressed, "{language}");
    }
}
