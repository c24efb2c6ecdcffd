//! Pickles that harm, pickles that are broken, pickles at random.

use super::*;
use proptest::prelude::*;

#[test]
fn nothing_is_called_and_strange_objects_are_opaque() {
    // What `os.system("touch /tmp/x")` looks like in a pickle, in a dictionary.
    let bytes = b"\x80\x02}(X\x01\x00\x00\x00acos\nsystem\nX\x01\x00\x00\x00xq\x00\x85RX\x01\x00\x00\x00bh\x00u.";
    let pickle = Pickle::read(bytes).unwrap();
    let root = pickle.root();
    assert_eq!(pickle.at(pickle.get(root, "a").unwrap()), &Value::Opaque);
    assert_eq!(pickle.text(pickle.get(root, "b").unwrap()), Some("x"));
    assert_eq!(pickle.get(root, "c"), None);
}

#[test]
fn a_bomb_of_memories_stays_small() {
    // Lists of two of the list before, doubled as often as you like.
    let mut bytes = b"\x80\x02]q\x00".to_vec();
    for number in 1..200_u8 {
        let before = number - 1;
        bytes.extend([b'(', b'h', before, b'h', before, b'l', b'q', number]);
    }
    bytes.push(b'.');
    let pickle = Pickle::read(&bytes).unwrap();
    assert!(pickle.values.len() < 1000);
}

#[test]
fn whole_numbers_have_their_sign() {
    for (bytes, expect) in [
        (&b"\x8a\x01\xff."[..], -1),
        (b"\x8a\x02\xff\x00.", 255),
        (b"\x8a\x00.", 0),
        (b"J\xfe\xff\xff\xff.", -2),
        (b"M\x01\x02.", 513),
    ] {
        let pickle = Pickle::read(bytes).unwrap();
        assert_eq!(pickle.at(pickle.root()), &Value::Int(expect));
    }
}

#[test]
fn what_ends_early_or_makes_no_sense_is_refused() {
    for bytes in [
        &b""[..],
        b"\x80",
        b"X\xff\xff\xff\xff",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"t.",
        b"\x87.",
        b"h\x00.",
        b"R.",
        b"cos",
        b".",
        b"i.",
        b"\xff.",
        b")Q.",
    ] {
        assert!(Pickle::read(bytes).is_err(), "{bytes:?}");
    }
}

/// Instructions that make sense more often than bytes at random.
fn program() -> impl Strategy<Value = Vec<u8>> {
    let code = prop::sample::select(
        &b"(01 2N)]}tldaesuRb.Qhjqr\x81\x85\x86\x87\x88\x8a\x8c\x8f\x90\x91\x92\x93\x94KMJGXBC"[..],
    );
    let piece = (code, prop::collection::vec(0_u8..4, 0..5))
        .prop_map(|(code, rest)| [&[code][..], &rest].concat());
    let class = prop::sample::select(vec![
        &b"ctorch._utils\n_rebuild_tensor_v2\n"[..],
        b"ctorch._tensor\n_rebuild_from_type_v2\n",
        b"ccollections\nOrderedDict\n)R",
        b"ctorch\nFloatStorage\n",
    ]);
    let piece = prop_oneof![4 => piece, 1 => class.prop_map(<[u8]>::to_vec)];
    prop::collection::vec(piece, 0..200).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn no_program_makes_it_panic(bytes in program()) {
        let _ = Pickle::read(&bytes);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Pickle::read(&bytes);
    }
}

/// `PROPTEST_CASES` for a long run.
fn cases() -> u32 {
    let set = std::env::var("PROPTEST_CASES").ok();
    set.and_then(|cases| cases.parse().ok()).unwrap_or(300)
}
