//! Every kind of processor that this one can be does what plain Rust does, to the bit.

use super::*;

/// All operations on arbitrary numbers, as bits.
struct All<'a> {
    a: &'a [f32; LANES],
    b: &'a [f32; LANES],
    bytes: &'a [u8; DOT_BYTES],
    x: [i8; 4],
    halves: &'a [u16; LANES],
}

impl Task for All<'_> {
    type Output = Vec<u32>;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Vec<u32> {
        let (a, b) = (L::load(self.a), L::load(self.b));
        let whole = L::round(L::mul(a, L::splat(7.3)));
        let bytes = L::load_bytes(self.bytes);
        let dot = |bytes| L::to_floats(L::dot(L::splat_int(-77), bytes, self.x));
        let mut floats = vec![L::sum(a), L::largest(a)];
        for vector in [
            L::add(a, b),
            L::sub(a, b),
            L::mul(a, b),
            L::div(a, b),
            L::max(a, b),
            L::abs(a),
            L::with_sign(a, b),
            L::to_floats(L::add_ints(whole, L::splat_int(3))),
            L::two_to(L::round(L::mul(a, L::splat(0.9)))),
            L::load_bf16(self.halves),
            L::load_f16(self.halves),
            L::load_i8(&std::array::from_fn(|lane| self.x[lane % 4])),
            dot(bytes),
            dot(L::low_nibbles(bytes)),
            dot(L::high_nibbles(bytes)),
        ] {
            let mut to = [0.0; LANES];
            L::store(vector, &mut to);
            floats.extend(to);
        }
        let mut small = [0; LANES];
        L::store_bytes(L::round(L::mul(a, L::splat(0.9))), &mut small);
        L::prefetch(self.bytes, 1 << 20);
        let small = small.map(|x| i32::from(x).cast_unsigned());
        floats.iter().map(|x| x.to_bits()).chain(small).collect()
    }
}

#[test]
fn all_kinds_agree_to_the_bit() {
    let kinds = Isa::all();
    println!("{kinds:?}");
    let mut state = 1_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    for _ in 0..2_000 {
        let mut float = || (next() as f32 / (1 << 23) as f32 - 1.0) * 140.0;
        let (a, b) = ([(); LANES].map(|()| float()), [(); LANES].map(|()| float()));
        let bytes = [(); DOT_BYTES].map(|()| next() as u8);
        let x = [(); 4].map(|()| next() as i8);
        // No infinity: what is stored in halves is finite.
        let halves = [(); LANES].map(|()| (next() as u16) & 0xbfff);
        let all = |isa: Isa| {
            isa.run(All {
                a: &a,
                b: &b,
                bytes: &bytes,
                x,
                halves: &halves,
            })
        };
        let plain = all(Isa(Kind::Portable));
        for &kind in &kinds {
            assert_eq!(all(kind), plain, "{kind:?} {a:?} {b:?}");
        }
    }
}

#[test]
fn halves_are_those_of_a_library() {
    struct Widen([u16; LANES]);
    impl Task for Widen {
        type Output = [f32; LANES];
        #[inline(always)]
        fn run<L: Lanes>(self) -> [f32; LANES] {
            let mut to = [0.0; LANES];
            L::store(L::load_f16(&self.0), &mut to);
            to
        }
    }
    for first in (0..0x7c00_u16).step_by(LANES) {
        let bits = std::array::from_fn(|lane| first + lane as u16);
        let got = Isa(Kind::Portable).run(Widen(bits));
        assert_eq!(got, bits.map(|bits| half::f16::from_bits(bits).to_f32()));
    }
}
