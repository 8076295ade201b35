//! What the gateway says: the shop's script with prompts that are tones, so that ears can tell them from people.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use gateway_core::ivr::{Library, PromptBook, Script};
use media::{
    clip::{Clip, ClipBook},
    frame::SampleRate,
    progress::COUNTRIES,
    tone::Tone,
};

/// Every prompt, in Hz.
pub const PROMPT_HZ: f64 = 300.0;
/// The music in the queue and on hold, in Hz.
pub const MUSIC_HZ: f64 = 350.0;
/// How long each prompt is, in ms.
pub const PROMPT_MS: usize = 300;

/// The script and its prompts.
pub fn library() -> Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(read).clone()
}

/// The clips that go with them.
pub fn clips() -> Arc<ClipBook> {
    static CLIPS: OnceLock<Arc<ClipBook>> = OnceLock::new();
    CLIPS.get_or_init(hum).clone()
}

fn read() -> Library {
    let mut prompts = PromptBook::new();
    for (language, texts) in TEXTS {
        prompts.add_texts(language, texts).expect("the shop's texts are sound");
        let names: Vec<String> = prompts.ids(language).map(|id| format!("{language}/{id}")).collect();
        names.iter().for_each(|name| prompts.add_clip(name, PROMPT_MS as f64 / 1_000.0));
    }
    let script = Script::check("main.yaml", SCRIPT, &prompts).expect("the shop's script is sound");
    Library { scripts: BTreeMap::from([("main".to_owned(), Arc::new(script))]), prompts: Arc::new(prompts) }
}

fn hum() -> Arc<ClipBook> {
    let clip = |hz: f64, ms: usize| Arc::new(Clip::from_mono(&Tone::new(SampleRate::Narrow, &[hz], 8_000).samples(ms * 8), 8_000));
    let (prompt, music) = (clip(PROMPT_HZ, PROMPT_MS), clip(MUSIC_HZ, 2_000));
    let prompts = library().prompts;
    let names = prompts.languages().flat_map(|language| prompts.ids(language).map(move |id| format!("{language}/{id}")));
    let mut clips: BTreeMap<_, _> = names.map(|name| (name, prompt.clone())).collect();
    clips.insert("music/wait".to_owned(), music);
    let mut book = ClipBook { clips };
    COUNTRIES[0].add_to(&mut book);
    Arc::new(book)
}

const SCRIPT: &str = include_str!("../../ivr-scripts/main.yaml");
const TEXTS: [(&str, &str); 3] = [
    ("en", include_str!("../../ivr-scripts/prompts/en.ftl")),
    ("ru", include_str!("../../ivr-scripts/prompts/ru.ftl")),
    ("uk", include_str!("../../ivr-scripts/prompts/uk.ftl")),
];
