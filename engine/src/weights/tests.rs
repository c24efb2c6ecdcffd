//! Tensors made at random, and files that are not what they say.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn random_weights_are_the_same_for_a_seed_and_differ_by_name() {
    let weights = Weights::random(7).unwrap();
    let shape = [40, 25];
    let values = weights.f32("a.weight", &shape).unwrap();
    assert_eq!(values.len(), 1000);
    assert_eq!(
        values,
        Weights::random(7).unwrap().f32("a.weight", &shape).unwrap()
    );
    assert_ne!(
        values,
        Weights::random(8).unwrap().f32("a.weight", &shape).unwrap()
    );
    assert_ne!(values, weights.f32("b.weight", &shape).unwrap());
    assert!(values.iter().all(|value| value.abs() <= 0.3));
    assert!(values.iter().any(|value| value.abs() > 0.2));
    let norms = weights.f32("norm.weight", &[30]).unwrap();
    assert!(norms.iter().all(|norm| (0.9..=1.1).contains(norm)));
    assert!(!weights.has("a.weight") && weights.shape("a.weight").is_err());
    assert_ne!(weights.sha256(), Weights::random(8).unwrap().sha256());
}

/// A file of this list, with so many bytes behind it.
fn file(list: &Value, bytes: usize) -> Vec<u8> {
    let list = list.to_string();
    let length = (list.len() as u64).to_le_bytes();
    [&length[..], list.as_bytes(), &vec![0x11; bytes]].concat()
}

fn complaint(bytes: Vec<u8>) -> String {
    let error = Weights::from_bytes("hostile", bytes).unwrap_err();
    assert!(matches!(error, EngineError::ModelFile { .. }), "{error}");
    error.to_string()
}

#[test]
fn lists_that_lie_are_refused_before_anything_is_read() {
    let f32_of = |shape: Value, start: u64, end: u64| json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]});
    for list in [
        // Beyond the end, overlapping, with a gap, backwards.
        json!({"a": f32_of(json!([4]), 0, 1 << 50)}),
        json!({"a": f32_of(json!([1_u64 << 62, 1_u64 << 62]), 0, 16)}),
        json!({"a": f32_of(json!([4]), 0, 16), "b": f32_of(json!([4]), 8, 24)}),
        json!({"a": f32_of(json!([2]), 0, 8), "b": f32_of(json!([2]), 12, 20)}),
        json!({"a": f32_of(json!([2]), 16, 8)}),
        json!({"a": f32_of(json!([3]), 0, 16)}),
        json!({"a": f32_of(json!([-1]), 0, 16)}),
        json!({"a": {"dtype": "F99", "shape": [4], "data_offsets": [0, 16]}}),
        json!([]),
    ] {
        complaint(file(&list, 24));
    }
    complaint(Vec::new());
    complaint(vec![1, 0]);
    assert!(complaint(u64::MAX.to_le_bytes().to_vec()).contains("longer"));
    let long = [&(90_000_000_u64).to_le_bytes()[..], b"{}"].concat();
    assert!(complaint(long).contains("longer"));
}

#[test]
fn types_shapes_and_values_that_no_model_has_are_named() {
    let list = json!({
        "numbers": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "counts": {"dtype": "I64", "shape": [1], "data_offsets": [8, 16]},
        "halves": {"dtype": "BF16", "shape": [2], "data_offsets": [16, 20]},
    });
    for not_a_number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut bytes = file(&list, 20);
        let data = bytes.len() - 20;
        bytes[data + 4..data + 8].copy_from_slice(&not_a_number.to_le_bytes());
        bytes[data + 18..].copy_from_slice(&half::bf16::from_f32(not_a_number).to_le_bytes());
        let weights = Weights::from_bytes("hostile", bytes).unwrap();
        for name in ["numbers", "halves"] {
            let error = weights.f32(name, &[2]).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("not numbers"),
                "{error}"
            );
        }
    }
    let weights = Weights::from_bytes("hostile", file(&list, 20)).unwrap();
    assert!(weights.f32("numbers", &[2]).is_ok());
    assert!(weights.expect("numbers", &[2]).is_ok());
    for (name, shape, what) in [
        ("numbers", [3], "expected [3]"),
        ("counts", [1], "I64"),
        ("nothing", [1], "no tensor nothing"),
    ] {
        let error = weights.f32(name, &shape).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn no_file_makes_it_panic(
        changes in prop::collection::vec((0_usize..260, any::<u8>()), 0..6),
        length in prop::option::weighted(0.2, 0_usize..260),
    ) {
        let list = json!({
            "numbers": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
            "halves": {"dtype": "F16", "shape": [4], "data_offsets": [16, 24]},
        });
        let mut bytes = file(&list, 24);
        for (at, byte) in changes {
            if let Some(at) = bytes.get_mut(at) {
                *at = byte;
            }
        }
        bytes.truncate(length.unwrap_or(bytes.len()));
        if let Ok(weights) = Weights::from_bytes("hostile", bytes) {
            let names: Vec<String> = weights.names().map(str::to_owned).collect();
            for name in names {
                let shape = weights.shape(&name).unwrap().to_vec();
                let _ = weights.f32(&name, &shape);
            }
        }
    }
}

/// `PROPTEST_CASES` for a long run.
fn cases() -> u32 {
    let set = std::env::var("PROPTEST_CASES").ok();
    set.and_then(|cases| cases.parse().ok()).unwrap_or(300)
}
