//! The music that callers wait with goes round without a click.

use std::fs::File;

use media::{clip::Clip, frame::SampleRate};
use tests::node::root;

#[test]
fn the_music_follows_on_itself_without_a_step() {
    let clip = Clip::read_wav(File::open(root().join("ivr-scripts/prompts/music/hold.wav")).unwrap()).unwrap();
    for rate in [SampleRate::Narrow, SampleRate::Wide, SampleRate::Full] {
        let samples = clip.at(rate);
        let steps = |samples: &[i16]| samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap();
        let (first, last) = (samples[0], samples[samples.len() - 1]);
        let seam = (i32::from(first) - i32::from(last)).abs();
        assert!(steps(samples) > 500, "it is music");
        assert!(seam < 50, "{rate:?}: {seam}");
    }
}
