//! Our codecs against their standards and against Debian's ffmpeg.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by its panic")]

use std::{
    fs::{self, File},
    process::Command,
};

use media::{
    clip::Clip,
    codec::{Codec, CodecKind},
    likeness::segmental_snr,
};
use tests::node::root;

/// What ffmpeg makes of `input`; `from` and `to` are its words for both forms.
fn ffmpeg(from: &[&str], input: &[u8], to: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    fs::write(&file, input).unwrap();
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error"]).args(from).arg("-i").arg(&file).args(to).arg("pipe:1");
    let ended = command.output().unwrap_or_else(|error| panic!("ffmpeg does not start: {error}; deploy/setup.sh installs what tests need"));
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    ended.stdout
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.as_chunks::<2>().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect()
}

const WIDE_SOUND: [&str; 6] = ["-f", "s16le", "-ar", "16000", "-ac", "1"];
const NARROW_SOUND: [&str; 6] = ["-f", "s16le", "-ar", "8000", "-ac", "1"];

/// Some twenty seconds of speech at 16 kHz, in whole packets.
fn speech() -> Vec<i16> {
    let mut files: Vec<_> = fs::read_dir(root().join("ivr-scripts/prompts/en")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut said: Vec<i16> =
        files.iter().take(20).flat_map(|file| Clip::read_wav(File::open(file).unwrap()).unwrap().wide.to_vec()).collect();
    said.truncate(said.len() / PACKET * PACKET);
    said
}

/// 20 ms at 16 kHz.
const PACKET: usize = 320;

fn encoded(codec: &mut dyn Codec, said: &[i16]) -> Vec<u8> {
    let mut payload = Vec::new();
    said.chunks(PACKET).for_each(|packet| codec.encode(packet, &mut payload).unwrap());
    payload
}

/// What a decoder makes of it, all told: it keeps the last 3.75 ms back for concealment, until more comes.
fn decoded(codec: &mut dyn Codec, payload: &[u8]) -> Vec<i16> {
    let mut heard = Vec::new();
    payload.chunks(PACKET / 2).for_each(|packet| codec.decode(packet, &mut heard).unwrap());
    let len = heard.len();
    codec.decode(&[payload[0]; LATE], &mut heard).unwrap();
    heard.split_off(heard.len() - len)
}

/// In bytes of payload, of G.711 and of G.722.
const LATE: usize = 30;

#[test]
fn g722_and_ffmpeg_understand_each_other_both_ways() {
    let said = speech();
    assert!(said.len() > 16_000 * 15);
    let theirs = ffmpeg(&WIDE_SOUND, &bytes(&said), &["-c:a", "g722", "-f", "g722"]);
    let by_ffmpeg = samples(&ffmpeg(&["-f", "g722"], &theirs, &["-f", "s16le"]));
    let mut codec = CodecKind::G722.open();
    let heard = decoded(codec.as_mut(), &theirs);
    let to_us = segmental_snr(&by_ffmpeg, &heard, PACKET);
    assert!(to_us >= 30.0, "from ffmpeg: {to_us}");

    let ours = encoded(codec.as_mut(), &said);
    assert_eq!(ours.len(), said.len() / 2);
    let heard = samples(&ffmpeg(&["-f", "g722"], &ours, &["-f", "s16le"]));
    let from_us = segmental_snr(&by_ffmpeg, &heard, PACKET);
    assert!(from_us >= 30.0, "to ffmpeg: {from_us}");

    // The ear of this test: of another sound it hears that it is another.
    let shifted: Vec<i16> = by_ffmpeg.iter().skip(1).copied().collect();
    assert!(segmental_snr(&by_ffmpeg, &shifted, PACKET) < 30.0);
}

/// A law of G.711, from its definition: the decision values of one sign from 1 up, in 16 bits.
struct Law {
    kind: CodecKind,
    name: &'static str,
    decisions: Vec<i32>,
    /// From the number of decision values below a magnitude, and its sign.
    code: fn(u8, bool) -> u8,
    /// What decides of a negative sample: the definition leaves open on which side a decision value itself lies.
    magnitude: fn(i16) -> i32,
}

fn laws() -> [Law; 2] {
    // G.711 table 2a: 1, 3, .. 31, then seven segments of 16 steps, each twice as wide; of 14 bits.
    let mut micro: Vec<i32> = (0..16).map(|n| 1 + 2 * n).collect();
    (1..8).for_each(|segment| (0..16).for_each(|_| micro.push(micro[micro.len() - 1] + (2 << segment))));
    // G.711 table 1a: 2, 4, .. 64, then six segments of 16 steps; of 13 bits.
    let mut a: Vec<i32> = (1..=32).map(|n| 2 * n).collect();
    (1..7).for_each(|segment| (0..16).for_each(|_| a.push(a[a.len() - 1] + (2 << segment))));
    // Beyond the last of them there is no code: what is louder clips.
    micro.truncate(127);
    a.truncate(127);
    [
        Law {
            kind: CodecKind::Pcmu,
            name: "mulaw",
            decisions: micro.iter().map(|value| value * 4).collect(),
            code: |number, is_negative| !(number | if is_negative { 0x80 } else { 0 }),
            magnitude: |sample| i32::from(sample).abs(),
        },
        Law {
            kind: CodecKind::Pcma,
            name: "alaw",
            decisions: a.iter().map(|value| value * 8).collect(),
            code: |number, is_negative| (number | if is_negative { 0 } else { 0x80 }) ^ 0x55,
            magnitude: |sample| if sample < 0 { i32::from(!sample) } else { i32::from(sample) },
        },
    ]
}

#[test]
fn g711_codes_all_samples_as_its_definition_does() {
    let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    for Law { kind, name, decisions, code, magnitude } in laws() {
        let ours = encoded(kind.open().as_mut(), &all);
        for (&sample, &our_code) in all.iter().zip(&ours) {
            let number = decisions.partition_point(|&value| value <= magnitude(sample));
            assert_eq!(our_code, code(number as u8, sample < 0), "{name} {sample}");
        }
        // ffmpeg decides halfway between what two codes mean, which at the ends of segments is not where G.711 decides, and it cuts bits off
        // below 14. So some samples get the next code there, and none any other.
        let theirs = ffmpeg(&NARROW_SOUND, &bytes(&all), &["-c:a", &format!("pcm_{name}"), "-f", name]);
        let meanings = meanings(kind);
        let mut by_meaning: Vec<u8> = (0..=255).collect();
        by_meaning.sort_by_key(|&code| (meanings[usize::from(code)], code & 0x80));
        let rung = |code: u8| by_meaning.iter().position(|&other| other == code).unwrap();
        let others: Vec<(u8, u8)> = ours.iter().copied().zip(theirs).filter(|(ours, theirs)| ours != theirs).collect();
        assert!(others.len() < all.len() / 50, "{name}: {}", others.len());
        assert!(others.iter().all(|&(ours, theirs)| rung(ours).abs_diff(rung(theirs)) == 1), "{name}");
    }
}

/// What the 256 codes mean to us.
fn meanings(kind: CodecKind) -> Vec<i16> {
    decoded(kind.open().as_mut(), &(0..=255).collect::<Vec<u8>>())
}

#[test]
fn g711_reads_all_codes_as_ffmpeg_does_and_writes_them_again() {
    let codes: Vec<u8> = (0..=255).collect();
    for Law { kind, name, .. } in laws() {
        let ours = meanings(kind);
        assert_eq!(ours, samples(&ffmpeg(&["-f", name, "-ar", "8000", "-ac", "1"], &codes, &["-f", "s16le"])), "{name}");
        let mut again = encoded(kind.open().as_mut(), &ours);
        // Mu-law has two zeros, of which a sample can have but one.
        if kind == CodecKind::Pcmu {
            assert_eq!(std::mem::replace(&mut again[0x7f], 0x7f), 0xff);
        }
        assert_eq!(again, codes, "{name}");
    }
}
