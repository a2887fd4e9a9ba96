#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| vminspect_fuzz::usn(input));
