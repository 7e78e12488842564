//! Throws bytes at the parser of member lists.
#![no_main]

mod properties;

libfuzzer_sys::fuzz_target!(|body: &[u8]| properties::hold(body));
