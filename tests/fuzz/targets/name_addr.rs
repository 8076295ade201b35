#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::entries::name_addr(bytes));
