//! The types against their oracles: the standard library's conversions for numbers, identity for round trips;
//! damaged input gives an error that names the type, and never a panic.

use annex::distance::Half;
use annex::error::Result;
use annex::types::element::DenseElement;
use annex::types::{HALFVEC, VECTOR, binary, number, shortest, text};
use proptest::prelude::*;

fn parsed(literal: &[u8]) -> Result<Vec<f32>> {
    let mut elements = vec![0.0; text::element_bound(VECTOR, literal)];
    let dims = text::parse(VECTOR, literal, &mut elements)?;
    assert_eq!(dims, elements.len(), "a valid literal fills its bound");
    Ok(elements)
}

fn printed(elements: &[f32]) -> Vec<u8> {
    let mut out = vec![0; text::print_bound(elements.len())];
    let len = text::print(elements, &mut out);
    out.truncate(len);
    out
}

fn decoded(message: &[u8]) -> Result<Vec<f32>> {
    decoded_as(message)
}

fn decoded_as<E: DenseElement>(message: &[u8]) -> Result<Vec<E>> {
    let mut elements = vec![E::default(); binary::decode_dims::<E>(message, -1)?];
    binary::decode_elements(message, &mut elements)?;
    Ok(elements)
}

/// A literal of halves as the input function reads it, and their text as the output function prints it.
fn parsed_halves(literal: &[u8]) -> Result<Vec<Half>> {
    let mut halves = vec![Half::default(); text::element_bound(HALFVEC, literal)];
    let read = |singles: &mut [f32]| text::parse(HALFVEC, literal, singles);
    let dims = Half::from_singles(&mut halves, read)?;
    assert_eq!(dims, halves.len(), "a valid literal fills its bound");
    text::check_range(literal, &halves)?;
    Ok(halves)
}

fn printed_halves(halves: &[Half]) -> Vec<u8> {
    Half::as_singles(halves, printed)
}

fn half_bits(halves: &[Half]) -> Vec<u16> {
    halves.iter().map(|x| x.to_bits()).collect()
}

/// Every finite half is as likely as another.
fn finite_halves() -> impl Strategy<Value = Vec<Half>> {
    let any = any::<u16>().prop_map(Half::from_bits);
    let finite = any.prop_filter("finite", |x| x.to_f32().is_finite());
    prop::collection::vec(finite, 1..40)
}

fn bits(elements: &[f32]) -> Vec<u32> {
    elements.iter().map(|x| x.to_bits()).collect()
}

/// Every finite number is as likely as its bits: all exponents, both zeros, subnormals.
fn any_finite() -> impl Strategy<Value = f32> {
    any::<u32>()
        .prop_map(f32::from_bits)
        .prop_filter("finite", |x| x.is_finite())
}

/// Numbers as embeddings have them.
fn usual() -> impl Strategy<Value = f32> {
    prop_oneof![
        -1.0_f32..1.0,
        -0.1_f32..0.1,
        -10.0_f32..10.0,
        (-99_i8..99).prop_map(f32::from)
    ]
}

fn vectors() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(prop_oneof![usual(), any_finite()], 1..40)
}

/// Decimals of any length that the standard library reads too.
fn decimals() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]\\.[0-9]{1,30}",
        "[+-]?[0-9]{1,12}",
        // Each form that has a way of its own, up to its longest and beyond.
        "-?[0-9]{1,9}",
        "-?[0-9]{0,17}\\.[0-9]{1,3}",
        "-?[0-9]{1,3}\\.[0-9]{0,17}",
        "-?[0-9]\\.[0-9]{1,17}[eE][+-]?[0-9]{1,2}",
        "[+-]?[0-9]{0,3}\\.[0-9]{1,80}(e[+-]?[0-9]{1,2})?",
        "[+-]?[0-9]{1,60}\\.?(E[+-]?[0-9]{1,2})?",
        // Doubles, as most clients print them.
        any::<f64>()
            .prop_map(|x| (x % 100.0).to_string())
            .prop_filter("finite", |x| x != "NaN"),
    ]
}

/// Those that no vector refuses.
fn finite_decimals() -> impl Strategy<Value = String> {
    decimals().prop_filter("finite", |x| x.parse().is_ok_and(f32::is_finite))
}

/// The decimal half-way between two neighboring numbers, exact; then nudged by a last digit far behind.
fn half_way() -> impl Strategy<Value = (String, f32, f32)> {
    (0x3000_0000_u32..0x5000_0000).prop_map(|bits| {
        let (low, high) = (f32::from_bits(bits), f32::from_bits(bits + 1));
        // Exact in binary64, whose decimal expansion ends within 200 digits here.
        let middle = format!("{:.200}", (f64::from(low) + f64::from(high)) / 2.0);
        (middle, low, high)
    })
}

/// The decimal half-way between two neighboring numbers above 2^24, of few digits, or a unit of its last one beside.
fn short_half_way() -> impl Strategy<Value = String> {
    (0_u64..1 << 24, 1_u32..16, -1_i64..=1, 0_usize..4).prop_map(|(low, shift, beside, zeros)| {
        let middle = ((low | 1 << 23) << shift) + (1 << (shift - 1));
        let digits = middle as i64 * 10_i64.pow(zeros as u32) + beside;
        let mut text = digits.to_string();
        if zeros > 0 {
            text.insert(text.len() - zeros, '.');
        }
        text
    })
}

/// What a list of integers holds, and now and then something else.
fn in_integer_list() -> impl Strategy<Value = String> {
    prop_oneof![
        30 => (0_u16..300).prop_map(|x| x.to_string()),
        3 => (0_u32..20_000).prop_map(|x| x.to_string()),
        1 => (-300_i16..0).prop_map(|x| x.to_string()),
        1 => Just("00".to_owned()),
        1 => finite_decimals(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    // Proves: what is printed reads back as the same bits, alone and among others.
    #[test]
    fn text_round_trip(elements in vectors()) {
        prop_assert_eq!(bits(&parsed(&printed(&elements)).unwrap()), bits(&elements));
    }

    // Proves: what is sent is received as the same bits.
    #[test]
    fn binary_round_trip(elements in vectors()) {
        let mut message = vec![0xff; binary::encoded_len::<f32>(elements.len())];
        binary::encode(&elements, &mut message);
        prop_assert_eq!(bits(&decoded(&message).unwrap()), bits(&elements));
    }

    // Proves: halves survive both forms.
    #[test]
    fn halves_round_trip(halves in finite_halves()) {
        let read = parsed_halves(&printed_halves(&halves)).unwrap();
        prop_assert_eq!(half_bits(&read), half_bits(&halves));
        let mut message = vec![0xff; binary::encoded_len::<Half>(halves.len())];
        binary::encode(&halves, &mut message);
        prop_assert_eq!(half_bits(&decoded_as(&message).unwrap()), half_bits(&halves));
    }

    // Proves: a decimal becomes the half next to its binary32 number, or is refused by its own text.
    #[test]
    fn decimals_become_halves_by_way_of_binary32(decimal in finite_decimals()) {
        let single: f32 = decimal.parse().unwrap();
        let half = Half::from_f32(single);
        match parsed_halves(format!("[1, {decimal} ,2]").as_bytes()) {
            Ok(halves) => prop_assert_eq!(halves[1].to_bits(), half.to_bits()),
            Err(error) => {
                prop_assert!(single.abs() >= 65520.0);
                prop_assert_eq!(error.message, format!("\"{decimal}\" is out of range for type halfvec"));
            }
        }
    }

    // Proves: any binary32 number becomes the nearest half: none is nearer, and of two as near it is the even one.
    #[test]
    fn halves_are_the_nearest(value in any_finite().prop_filter("in range", |x| x.abs() < 65520.0)) {
        let half = Half::from_f32(value);
        let error = |bits: u16| (f64::from(Half::from_bits(bits).to_f32()) - f64::from(value)).abs();
        let magnitude = half.to_bits() & 0x7fff;
        prop_assert_eq!(half.to_f32().is_sign_negative(), value.is_sign_negative());
        for other in [magnitude.saturating_sub(1), magnitude + 1] {
            let other = other | half.to_bits() & 0x8000;
            if other == half.to_bits() || !Half::from_bits(other).to_f32().is_finite() {
                continue;
            }
            let (ours, theirs) = (error(half.to_bits()), error(other));
            prop_assert!(ours < theirs || (ours == theirs && magnitude.is_multiple_of(2)));
        }
    }

    // Proves: every decimal is rounded as the standard library rounds it, in each way of reading it: in front of a
    // comma with room behind, at the end of the literal, and by itself.
    #[test]
    fn decimals_are_rounded_correctly(decimal in decimals()) {
        let expected: f32 = decimal.parse().unwrap();
        let literal = format!("[{decimal},{decimal} , {decimal}]");
        if expected.is_infinite() {
            let message = parsed(literal.as_bytes()).unwrap_err().message;
            prop_assert_eq!(message, format!("\"{decimal}\" is out of range for type vector"));
        } else {
            prop_assert_eq!(bits(&parsed(literal.as_bytes()).unwrap()), vec![expected.to_bits(); 3]);
            let (value, len) = number::parse(decimal.as_bytes()).unwrap();
            prop_assert_eq!((value.to_bits(), len), (expected.to_bits(), decimal.len()));
        }
    }

    // Proves: no element changes how another one is read, whatever forms follow each other and wherever white space is.
    #[test]
    fn elements_are_read_by_themselves(
        elements in prop::collection::vec(
            (prop_oneof![finite_decimals(), in_integer_list(), usual().prop_map(|x| x.to_string())], "( |\t|\n ){0,1}", " {0,1}"),
            1..40,
        ),
    ) {
        let expected: Vec<f32> = elements.iter().map(|(x, _, _)| x.parse().unwrap()).collect();
        let joined: Vec<String> = elements.iter().map(|(x, front, back)| format!("{front}{x}{back}")).collect();
        prop_assert_eq!(bits(&parsed(format!("[{}]", joined.join(",")).as_bytes()).unwrap()), bits(&expected));
        let bare: Vec<&str> = elements.iter().map(|(x, _, _)| &**x).collect();
        prop_assert_eq!(bits(&parsed(format!("[{}]", bare.join(",")).as_bytes()).unwrap()), bits(&expected));
    }

    // Proves: lists of integers, which are read by the block, hold what each integer is by itself.
    #[test]
    fn integer_lists_are_read_by_themselves(
        elements in prop::collection::vec(in_integer_list(), 1..400),
        space in "[ ]{0,1}",
    ) {
        let expected: Vec<f32> = elements.iter().map(|x| x.parse().unwrap()).collect();
        let literal = format!("[{}]", elements.join(&format!(",{space}")));
        prop_assert_eq!(bits(&parsed(literal.as_bytes()).unwrap()), bits(&expected));
    }

    // Proves: short decimals at and beside the middle between two numbers are rounded as the standard library rounds.
    #[test]
    fn short_half_way_decimals_are_rounded_correctly(decimal in short_half_way()) {
        let expected: f32 = decimal.parse().unwrap();
        let literal = format!("[{decimal},-{decimal},{decimal}e0,0.5]");
        prop_assert_eq!(parsed(literal.as_bytes()), Ok(vec![expected, -expected, expected, 0.5]));
    }

    // Proves: ties go to even, and a nudge of 10^-201 decides; this is where a second rounding would show.
    #[test]
    fn half_way_decimals_are_rounded_correctly((middle, low, high) in half_way()) {
        let even = if low.to_bits() % 2 == 0 { low } else { high };
        prop_assert_eq!(parsed(format!("[{middle}]").as_bytes()), Ok(vec![even]));
        prop_assert_eq!(parsed(format!("[{middle}1]").as_bytes()), Ok(vec![high]));
        let short = middle.trim_end_matches('0');
        prop_assert_eq!(parsed(format!("[{short},{short},1,2,3,4,5,6,7]").as_bytes()).unwrap()[0], even);
    }

    // Proves: hexadecimal floats are exact where they fit, for every binary32 number.
    #[test]
    fn hexadecimal_floats_are_exact(value in any_finite()) {
        let (fraction, exponent) = (value.to_bits() & 0x7f_ffff, value.to_bits() >> 23 & 0xff);
        let whole = u32::from(exponent != 0);
        let sign = if value.is_sign_negative() { "-" } else { "" };
        let power = exponent.max(1) as i32 - 127;
        let text = format!("[{sign}0x{whole}.{:06x}p{power:+}]", fraction << 1);
        prop_assert_eq!(bits(&parsed(text.as_bytes()).unwrap()), vec![value.to_bits()]);
    }

    // Proves: no decimal of fewer digits than the printed one reads back, unless it is a tie.
    #[test]
    fn print_is_shortest(value in any_finite()) {
        let mut out = [0; shortest::MAX_LEN];
        let len = shortest::write(value, &mut out);
        let digits = |text: &str| {
            let mantissa = text.split('e').next().unwrap().replace(['.', '-'], "");
            mantissa.trim_matches('0').len()
        };
        let ours = digits(std::str::from_utf8(&out[..len]).unwrap());
        let theirs = format!("{value:e}");
        let is_tie = || {
            let shorter: f64 = theirs.parse().unwrap();
            let steps = [value.next_up(), value.next_down()];
            steps.iter().any(|&near| shorter == (f64::from(near) + f64::from(value)) / 2.0)
        };
        prop_assert!(ours == digits(&theirs) || (ours > digits(&theirs) && is_tie()));
    }

    // Proves: text with bytes changed, cut or doubled is read or refused, and every refusal names the type.
    #[test]
    fn damaged_literals_are_refused_by_name(
        elements in vectors(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let mut literal = printed(&elements);
        for (place, byte, kind) in damage {
            let at = place.index(literal.len());
            match kind {
                0 => literal[at] = byte,
                1 => literal.insert(at, byte),
                2 => literal.truncate(at + 1),
                _ => literal[at] = b",.[]e+-x 0n"[usize::from(byte) % 11],
            }
        }
        match parsed(&literal) {
            Ok(elements) => prop_assert!(elements.iter().all(|x| x.is_finite())),
            Err(error) => prop_assert!(error.message.contains("vector"), "{}", error.message),
        }
    }

    // Proves: arbitrary bytes are a vector or an error, in both forms.
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(elements) = decoded(&bytes) {
            prop_assert!(elements.iter().all(|x| x.is_finite()));
        }
        if let Err(error) = parsed(&bytes) {
            prop_assert!(error.message.contains("vector"), "{}", error.message);
        }
    }
}
