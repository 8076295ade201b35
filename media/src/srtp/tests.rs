//! The vectors of RFC 3711, 6188 and 7714, another stack at the other end, and what must not be taken.

use proptest::prelude::*;
use rtc_srtp::{context::Context, protection_profile::ProtectionProfile};

use super::{
    cipher::{Block, Cipher, counter},
    derive::{Label, fill},
    *,
};

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn salt(hex: &str) -> [u8; 14] {
    bytes(hex).try_into().unwrap()
}

fn derived(key: &str, salting: &str, label: Label, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    fill(&bytes(key), salt(salting), label, &mut out);
    out
}

fn key(profile: Profile, fill: u8) -> MasterKey {
    let material: Vec<u8> = (0..MasterKey::material_len(profile) as u8).map(|n| n ^ fill).collect();
    MasterKey::new(profile, &material).unwrap()
}

fn packet(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::rtp::Header { marker: false, payload_type: 0, sequence, timestamp: 160, ssrc }.write(payload, &mut out);
    out
}

/// A receiver report of one SSRC with a source description, as a session writes it.
fn report(ssrc: u32) -> Vec<u8> {
    let mut out = Vec::new();
    crate::rtcp::Packet::ReceiverReport { ssrc, blocks: Vec::new() }.write(&mut out);
    crate::rtcp::Packet::SourceDescription { ssrc, cname: b"0123456789abcdef".to_vec() }.write(&mut out);
    out
}

fn sealed(sender: &mut Sender, sequence: u16) -> Vec<u8> {
    let mut out = packet(sequence, 7, b"voice");
    assert!(sender.seal(&mut out));
    out
}

/// What of a packet is heard.
fn opened(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, Dropped> {
    let mut packet = packet.to_vec();
    receiver.open(&mut packet).map(|()| packet)
}

#[test]
fn keys_are_derived_as_in_rfc_3711_b_3() {
    let (master, salting) = ("E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6");
    assert_eq!(derived(master, salting, Label::Encryption, 16), bytes("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(master, salting, Label::Salt, 14), bytes("30CBBC08863D8C85D49DB34A9AE1"));
    let authentication = derived(master, salting, Label::Authentication, 94);
    assert_eq!(authentication[..32], bytes("CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE"));
}

#[test]
fn keystream_is_that_of_rfc_3711_b_2() {
    let block = Block::new(&bytes("2B7E151628AED2A6ABF7158809CF4F3C"));
    let mut stream = vec![0; 16 * 0xff02];
    block.apply(counter(&salt("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), 0, 0), &mut stream);
    assert_eq!(stream[..32], bytes("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"));
    assert_eq!(stream[16 * 0xfeff..][..32], bytes("EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE"));
}

#[test]
fn keys_and_keystream_of_256_bits_are_those_of_rfc_6188_7() {
    let block = Block::new(&bytes("57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98"));
    let mut stream = vec![0; 48];
    block.apply(counter(&salt("f0f1f2f3f4f5f6f7f8f9fafbfcfd"), 0, 0), &mut stream);
    assert_eq!(stream, bytes("92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31"));
    let (master, salting) = ("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6", "3b04803de51ee7c96423ab5b78d2");
    let cipher = "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4";
    assert_eq!(derived(master, salting, Label::Encryption, 32), bytes(cipher));
    assert_eq!(derived(master, salting, Label::Salt, 14), bytes("fa31791685ca444a9e07c6c64e93"));
    assert_eq!(derived(master, salting, Label::Authentication, 20), bytes("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
}

#[test]
fn gcm_seals_packets_and_reports_as_rfc_7714_16_and_17() {
    let salting: [u8; 12] = bytes("517569642070726f2071756f").try_into().unwrap();
    let clear = bytes("8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e6973 20646976697361 20696e2070617274657320747265 73");
    let cases = [
        (16, "f24de3a3fb34de6cacba861c9d7e4bca be633bd50d294e6f42a5f47a51c7d19b 36de3adf8833899d7f27beb16a9152cf 765ee4390cce"),
        (32, "32b1de78a822fe12ef9f78fa332e33aa b18012389a58e2f3b50b2a0276ffae0f 1ba63799b87b7aa3db36dfffd6b0f9bb 7878d7a76c13"),
    ];
    for (length, expected) in cases {
        let session: Vec<u8> = (0..length).collect();
        let cipher = Cipher::of_gcm(&session, salting);
        let mut packet = clear.clone();
        cipher.seal(&mut packet, 12, 0x5501_a0b2, 0xf17b);
        assert_eq!(packet, [&clear[..12], &bytes(expected)].concat(), "{length}");
        cipher.open(&mut packet, 12, 0x5501_a0b2, 0xf17b, true).unwrap();
        assert_eq!(packet, clear);
    }
    let session: Vec<u8> = (0..16).collect();
    let clear = bytes("81c8000d4d617273 4e5450314e545032525450200000042a 0000e9304c756e61deadbeefdeadbeef deadbeefdeadbeefdeadbeef");
    let mut packet = clear.clone();
    Cipher::of_gcm(&session, salting).seal_report(&mut packet, 0x4d61_7273, 0x5d4);
    let expected = "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e99 7ff5c0f76c06f32dc676a5f1730d6fda 4ce09b4686303ded0bb9275bc84aa458 \
         96cf4d2fc5abf87245d9eade 800005d4";
    assert_eq!(packet, bytes(expected));
}

#[test]
fn another_stack_opens_what_we_seal_and_seals_what_we_open() {
    let provider = rtc_crypto::default_provider().unwrap();
    let profiles = [
        (Profile::AeadAes256Gcm, ProtectionProfile::AeadAes256Gcm),
        (Profile::AeadAes128Gcm, ProtectionProfile::AeadAes128Gcm),
        (Profile::Aes256CmSha1Tag80, ProtectionProfile::Aes256CmHmacSha1_80),
        (Profile::Aes128CmSha1Tag80, ProtectionProfile::Aes128CmHmacSha1_80),
        (Profile::Aes256CmSha1Tag32, ProtectionProfile::Aes256CmHmacSha1_32),
        (Profile::Aes128CmSha1Tag32, ProtectionProfile::Aes128CmHmacSha1_32),
    ];
    for (ours, theirs) in profiles {
        let key = key(ours, 0x5a);
        let foreign = || Context::new(key.key(), &key.salt()[..ours.salt_len()], theirs, None, None, provider.crypto()).unwrap();
        let (mut seals, mut opens) = (foreign(), foreign());
        let (mut sender, mut receiver) = (Sender::new(key.clone()), Receiver::new(key.clone(), Guards::default()));
        // Past a roll-over: the counter is in every tag.
        for sequence in (32_000..65_535).step_by(500).chain([65_535, 0, 1]) {
            let clear = packet(sequence, 7, &[sequence as u8; 160]);
            let mut sealed = clear.clone();
            assert!(sender.seal(&mut sealed));
            assert_eq!(sealed.len(), clear.len() + ours.tag_len());
            assert_eq!(opens.decrypt_rtp(&sealed).unwrap(), clear, "{ours:?} {sequence}");
            assert_eq!(opened(&mut receiver, &seals.encrypt_rtp(&clear).unwrap()), Ok(clear), "{ours:?} {sequence}");
        }
        assert_eq!((sender.rollovers(), receiver.rollovers(7)), (1, Some(1)));
        for _ in 0..3 {
            let clear = report(7);
            let mut sealed = clear.clone();
            assert!(sender.seal_report(&mut sealed));
            assert_eq!(opens.decrypt_rtcp(&sealed).unwrap(), clear, "{ours:?}");
            let mut theirs = seals.encrypt_rtcp(&clear).unwrap().to_vec();
            assert_eq!(receiver.open_report(&mut theirs).map(|()| theirs), Ok(clear), "{ours:?}");
        }
    }
}

#[test]
fn a_replayed_packet_is_not_taken_and_without_the_guard_it_is() {
    for profile in Profile::ALL {
        let mut sender = Sender::new(key(profile, 1));
        let first = sealed(&mut sender, 9);
        let mut report = report(7);
        assert!(sender.seal_report(&mut report));
        for (replay, expected) in [(true, Err(Dropped::Replayed)), (false, Ok(()))] {
            let mut receiver = Receiver::new(key(profile, 1), Guards { replay, ..Guards::default() });
            assert_eq!(receiver.open(&mut first.clone()), Ok(()));
            assert_eq!(receiver.open(&mut first.clone()), expected, "{profile:?}");
            assert_eq!(receiver.open_report(&mut report.clone()), Ok(()));
            assert_eq!(receiver.open_report(&mut report.clone()), expected, "{profile:?}");
        }
    }
}

#[test]
fn a_packet_with_one_bit_changed_is_not_taken_and_without_the_guard_it_is() {
    for profile in Profile::ALL {
        let mut sender = Sender::new(key(profile, 1));
        let good = sealed(&mut sender, 9);
        for bit in 16..good.len() * 8 {
            let mut forged = good.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let mut receiver = Receiver::new(key(profile, 1), Guards::default());
            assert!(receiver.open(&mut forged.clone()).is_err(), "{profile:?} bit {bit}");
            assert_eq!(receiver.rollovers(7), None, "a forged packet leaves no trace");
            let mut careless = Receiver::new(key(profile, 1), Guards { authentication: false, ..Guards::default() });
            assert_eq!(careless.open(&mut forged), Ok(()), "{profile:?} bit {bit}");
        }
    }
}

#[test]
fn a_flood_of_forged_packets_leaves_the_stream_and_the_memory_as_they_were() {
    let mut sender = Sender::new(key(Profile::Aes128CmSha1Tag80, 1));
    let mut receiver = Receiver::new(key(Profile::Aes128CmSha1Tag80, 1), Guards::default());
    for sequence in 0..10_000_u16 {
        let good = sealed(&mut sender, sequence);
        let mut forged = packet(sequence.wrapping_mul(7), u32::from(sequence), &[0; 20]);
        assert!(receiver.open(&mut forged).is_err());
        assert_eq!(receiver.open(&mut good.clone()), Ok(()));
    }
    assert_eq!(receiver.rollovers(7), Some(0));
}

#[test]
fn the_counter_goes_on_over_three_wraps_with_loss_and_disorder() {
    for profile in Profile::ALL {
        let (mut sender, mut receiver) = (Sender::new(key(profile, 1)), Receiver::new(key(profile, 1), Guards::default()));
        let mut late = None;
        for n in 65_500..65_500 + 3 * 65_536_u64 {
            let sequence = n as u16;
            // Seals are dear; around each wrap every packet is made, elsewhere one in a thousand.
            let is_dense = !(200..65_300).contains(&sequence);
            let is_rough = is_dense && !(190..200).contains(&sequence);
            if is_dense || sequence.is_multiple_of(1_000) {
                let mut packet = sealed(&mut sender, sequence);
                match n % 5 {
                    0 if is_rough => late = Some(packet),
                    1 if is_rough => drop(packet),
                    _ => {
                        assert_eq!(receiver.open(&mut packet), Ok(()), "{profile:?} {n}");
                        if let Some(mut late) = late.take() {
                            assert_eq!(receiver.open(&mut late), Ok(()), "{profile:?} late at {n}");
                        }
                    }
                }
            }
        }
        assert_eq!((sender.rollovers(), receiver.rollovers(7)), (3, Some(3)), "{profile:?}");
    }
}

#[test]
fn a_new_key_keeps_the_counter_and_a_peer_that_begins_anew_is_understood_too() {
    for goes_on in [true, false] {
        let (old, new) = (key(Profile::Aes128CmSha1Tag80, 1), key(Profile::AeadAes128Gcm, 2));
        let (mut sender, mut receiver) = (Sender::new(old.clone()), Receiver::new(old, Guards::default()));
        for sequence in [65_000, 65_530, 10] {
            assert_eq!(receiver.open(&mut sealed(&mut sender, sequence)), Ok(()));
        }
        if goes_on {
            sender.rekey(&new)
        } else {
            sender = Sender::new(new.clone())
        }
        let mut receiver = receiver.rekeyed(new);
        for sequence in [11, 12] {
            assert_eq!(receiver.open(&mut sealed(&mut sender, sequence)), Ok(()), "goes on: {goes_on}");
        }
        assert_eq!(receiver.rollovers(7), Some(u32::from(goes_on)));
    }
}

#[test]
fn the_same_key_said_again_changes_nothing() {
    let mut sender = Sender::new(key(Profile::Aes128CmSha1Tag80, 1));
    let mut receiver = Receiver::new(key(Profile::Aes128CmSha1Tag80, 1), Guards::default());
    for sequence in [65_000, 10] {
        assert_eq!(receiver.open(&mut sealed(&mut sender, sequence)), Ok(()));
    }
    sender.rekey(&key(Profile::Aes128CmSha1Tag80, 1));
    assert_eq!(sender.rollovers(), 1);
    assert_eq!(receiver.open(&mut sealed(&mut sender, 11)), Ok(()));
}

#[test]
fn a_master_key_identifier_is_cut_out_where_its_suite_puts_it() {
    for profile in Profile::ALL {
        let mut sender = Sender::new(key(profile, 1));
        let tag_len = if profile.is_aead() { 0 } else { profile.tag_len() };
        let mut marked = sealed(&mut sender, 1);
        marked.splice(marked.len() - tag_len..marked.len() - tag_len, [0, 0, 0, 5]);
        let mut receiver = Receiver::new(key(profile, 1).with_mki(vec![0, 0, 0, 5]), Guards::default());
        assert_eq!(opened(&mut receiver, &marked), Ok(packet(1, 7, b"voice")), "{profile:?}");
        let mut other = Receiver::new(key(profile, 1).with_mki(vec![0, 0, 0, 6]), Guards::default());
        assert_eq!(opened(&mut other, &marked), Err(Dropped::Mki), "{profile:?}");
        let mut clear = report(7);
        assert!(sender.seal_report(&mut clear));
        let tag_len = if profile.is_aead() { 0 } else { profile.report_tag_len() };
        clear.splice(clear.len() - tag_len..clear.len() - tag_len, [0, 0, 0, 5]);
        assert_eq!(receiver.open_report(&mut clear), Ok(()), "{profile:?}");
        assert_eq!(clear, report(7));
    }
}

#[test]
fn a_key_is_not_printed() {
    assert_eq!(format!("{:?}", key(Profile::AeadAes128Gcm, 1)), "AEAD_AES_128_GCM ***");
    let shown = format!("{:?}", Sender::new(key(Profile::AeadAes128Gcm, 1)));
    assert!(shown.contains("***") && !shown.contains("material"), "{shown}");
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic_or_are_taken(mut noise in proptest::collection::vec(any::<u8>(), 0..200), which in 0..6_usize, mki in 0..5_usize) {
        let key = key(Profile::ALL[which], 3).with_mki(vec![0; mki]);
        let mut receiver = Receiver::new(key, Guards::default());
        if let Some(first) = noise.first_mut() {
            *first = *first & 0x3f | 0x80;
        }
        prop_assert!(receiver.open(&mut noise.clone()).is_err());
        prop_assert!(receiver.open_report(&mut noise).is_err());
    }

    #[test]
    fn what_is_sealed_is_opened(which in 0..6_usize, first in 0_u16..0x8000, ssrc: u32, payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        let profile = Profile::ALL[which];
        let (mut sender, mut receiver) = (Sender::new(key(profile, 9)), Receiver::new(key(profile, 9), Guards::default()));
        for sequence in [first, first.wrapping_add(1), first.wrapping_add(30_000)] {
            let clear = packet(sequence, ssrc, &payload);
            let mut sealed = clear.clone();
            prop_assert!(sender.seal(&mut sealed));
            prop_assert!(payload.len() < 4 || !sealed.windows(payload.len()).any(|window| window == payload));
            prop_assert_eq!(receiver.open(&mut sealed), Ok(()));
            prop_assert_eq!(sealed, clear);
        }
    }
}
