//! The generator against vectors, and what it leaves behind.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};
use zeroize::ZeroizeOnDrop;

use crate::drbg::{Drbg, KEY_BYTES, Pool, SEED_BYTES, Seed};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seed(bytes: &[u8; SEED_BYTES]) -> Seed {
    let mut pool = Pool::default();
    bytes.iter().find_map(|byte| pool.push(*byte)).unwrap()
}

/// What `key` gives out in one request of `len` bytes, and the next key.
fn filled(key: [u8; KEY_BYTES], len: usize) -> (Vec<u8>, [u8; KEY_BYTES]) {
    let mut drbg = Drbg::with_key(key);
    let mut out = vec![0; len];
    drbg.fill(&mut out);
    (out, drbg.key())
}

#[test]
fn the_stream_is_that_of_rfc_8439() {
    // A.1, vectors 1 and 2: key 0, blocks 0 and 1.
    let (out, key) = filled([0; KEY_BYTES], 96);
    assert_eq!(hex(&key), "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7");
    assert_eq!(
        hex(&out),
        "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586\
         9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed\
         29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"
    );
    // Vector 3: key 1, block 1.
    let mut one = [0; KEY_BYTES];
    one[31] = 1;
    let (out, _) = filled(one, 96);
    assert_eq!(
        hex(&out[32..]),
        "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a\
         8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"
    );
    // Vector 4: key 00 ff 00 ..., block 2.
    let mut other = [0; KEY_BYTES];
    other[1] = 0xff;
    let (out, _) = filled(other, 160);
    assert_eq!(
        hex(&out[96..]),
        "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca\
         13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"
    );
}

// attack 73 U: who has the key asks for what was given out before; the key is another one; broken: drbg-key-kept
#[test]
fn each_request_has_a_key_of_its_own() {
    let (first, next) = filled([7; KEY_BYTES], 64);
    let (second, after) = filled(next, 64);
    assert_ne!([7; KEY_BYTES], next);
    assert_ne!(next, after);
    assert_ne!(first, second);
    // Together they are not one stream of the first key: the second begins anew.
    let (long, _) = filled([7; KEY_BYTES], 128);
    assert_eq!(long[..64], first);
    assert_ne!(long[64..], second);
    let (nothing, key) = filled([7; KEY_BYTES], 0);
    assert_eq!((nothing.len(), key), (0, next), "asking for nothing is a request, too");
}

// attack 73 U: seeded with what an attacker knows; the old key is part of the new one; broken: seed-replaces-key
#[test]
fn a_seed_is_hashed_with_the_old_key() {
    let bytes: [u8; SEED_BYTES] = core::array::from_fn(|at| at as u8);
    let hash = |key: [u8; KEY_BYTES]| {
        let input = [&b"nexus rngd seed 1"[..], &key, &bytes].concat();
        <[u8; KEY_BYTES]>::from(Sha256::digest(input))
    };
    let mut drbg = Drbg::new(seed(&bytes));
    assert_eq!(drbg.key(), hash([0; KEY_BYTES]));
    let before = drbg.key();
    drbg.seed(seed(&bytes));
    assert_eq!(drbg.key(), hash(before));
}

#[test]
fn every_byte_of_the_source_counts() {
    let zeroes = Drbg::new(seed(&[0; SEED_BYTES])).key();
    for at in 0..SEED_BYTES {
        let mut bytes = [0; SEED_BYTES];
        bytes[at] = 1;
        assert_ne!(Drbg::new(seed(&bytes)).key(), zeroes, "byte {at}");
    }
}

#[test]
fn a_pool_gives_a_seed_when_it_is_full_and_begins_anew() {
    assert_eq!(SEED_BYTES, 80, "320 bits of 4 a byte");
    let mut pool = Pool::default();
    for _ in 0..2 {
        for left in (1..=SEED_BYTES).rev() {
            assert_eq!(pool.missing(), left);
            assert_eq!(pool.push(1).is_some(), left == 1);
        }
    }
}

#[test]
fn secrets_are_overwritten_when_they_end() {
    use core::mem::needs_drop;
    fn overwrites<T: ZeroizeOnDrop>() -> bool {
        needs_drop::<T>()
    }
    assert!(overwrites::<chacha20::ChaCha20Rng>());
    // Nothing in them but bytes: what is to be done at their end is to overwrite those.
    assert!(needs_drop::<Seed>() && needs_drop::<Pool>() && needs_drop::<Drbg>());
}
