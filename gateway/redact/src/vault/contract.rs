//! What every vault must do, as a test that any implementation runs (`vault::contract`).

use std::thread;

use super::{Vault, VaultError};
use crate::{
    alias::{AliasKey, Code},
    class::Class,
};

/// Asks an empty vault with room for a few thousand values everything that is promised of it.
///
/// # Panics
///
/// Where a promise is broken.
#[doc(hidden)]
pub fn contract(vault: &dyn Vault) {
    let key = AliasKey::new(&[0x5c; AliasKey::MIN_BYTES]).expect("the key is long enough");
    let keep = |class, value: &[u8]| {
        let draw = |attempt| key.draw(class, value, attempt);
        vault.keep(key.digest(class, value), value, &draw)
    };
    let value = |code| vault.value(code).expect("the vault answers");

    // What was never kept is nobody's.
    let unseen = key.draw(Class::Name, b"nobody", 0).expect("the first code of a value");
    assert_eq!(value(unseen), None, "a miss is a guess");

    // A value has one code, and a code its value, byte for byte.
    let long = [b'x'; 5000];
    let values = [&b"Anna"[..], b"anna", b" Anna", b"", b"+370 612 34567", b"\xed\xa0\xbd", b"\0\xff", &long];
    for class in Class::ALL {
        for kept in values {
            let code = keep(class, kept).expect("there is room");
            assert_eq!(code.class(), class, "a code of another class");
            assert_eq!(keep(class, kept), Ok(code), "a second code for a value");
            assert_eq!(value(code).as_deref(), Some(kept), "a code of another value");
        }
    }

    // Codes are drawn from two places only: one of two, then all of a value's own.
    let place = |low: u8| key.draw(Class::Handle, &[low & 1], 0);
    let mut codes = Vec::new();
    for number in 0..100_u8 {
        let kept = [b'#', number];
        let draw = |attempt| match attempt {
            0 => place(number),
            _ => key.draw(Class::Handle, &kept, attempt),
        };
        let code = vault.keep(key.digest(Class::Handle, &kept), &kept, &draw).expect("there is room");
        codes.push((kept, code));
    }
    for (kept, code) in &codes {
        assert_eq!(value(*code).as_deref(), Some(&kept[..]), "a collision changed what a code stands for");
        let unasked = |_| -> Option<Code> { panic!("a known value draws no code") };
        assert_eq!(vault.keep(key.digest(Class::Handle, kept), kept, &unasked), Ok(*code));
    }
    let lengthened = codes.iter().filter(|(_, code)| code.to_string().len() == 12).count();
    assert_eq!(lengthened, 98, "all but the first of each place are lengthened");

    // A value for which no free code is drawn is refused, and nothing is changed by it.
    let taken = |attempt: u32| (attempt < Code::ATTEMPTS).then(|| place(0)).flatten();
    let refused = vault.keep(key.digest(Class::Handle, b"late"), b"late", &taken);
    assert_eq!(refused, Err(VaultError::Exhausted));
    assert_eq!(value(codes[0].1).as_deref(), Some(&codes[0].0[..]));

    // Streams that show the same values at once agree on their codes.
    let show = || -> Vec<Code> {
        let shown = (0..200_u32).map(|number| keep(Class::Phone, &number.to_be_bytes()));
        shown.map(|code| code.expect("there is room")).collect()
    };
    let all: Vec<_> = thread::scope(|scope| {
        let streams: Vec<_> = (0..4).map(|_| scope.spawn(show)).collect();
        streams.into_iter().map(|stream| stream.join().expect("no stream panics")).collect()
    });
    for (number, code) in (0..200_u32).zip(&all[0]) {
        assert_eq!(value(*code).as_deref(), Some(&number.to_be_bytes()[..]));
    }
    assert!(all.iter().all(|codes| *codes == all[0]), "two streams gave a value two codes");
}
