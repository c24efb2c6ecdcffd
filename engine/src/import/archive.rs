//! The files inside a PyTorch checkpoint: a ZIP archive whose members lie as they are.
//!
//! Any thread. PyTorch stores without compression, so a member is a part of the mapped file and
//! takes no memory; a compressed member, which could unpack to anything, is refused.

use std::collections::HashMap;
use std::ops::Range;

use super::pickle::Fault;

const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
/// The longest comment that may stand behind the end.
const MOST_COMMENT_BYTES: usize = 0xFFFF;
/// More members than any model has tensors.
const MOST_MEMBERS: u64 = 1 << 20;

/// The places of all members in the file's bytes, by name.
pub(super) fn members(bytes: &[u8]) -> Result<HashMap<String, Range<usize>>, Fault> {
    let (mut at, count) = directory(bytes)?;
    let mut members = HashMap::new();
    for _ in 0..count {
        let (name, place, next) = entry(bytes, at)?;
        members.insert(name, place);
        at = next;
    }
    Ok(members)
}

/// Where the list of members begins, and how many it has.
fn directory(bytes: &[u8]) -> Result<(usize, u64), Fault> {
    let none =
        "it is no archive as PyTorch writes it since version 1.6: save it with torch.save again";
    let shortest = 22;
    let latest = bytes.len().checked_sub(shortest).ok_or(none)?;
    let earliest = latest.saturating_sub(MOST_COMMENT_BYTES);
    let end = (earliest..=latest)
        .rev()
        .find(|&at| bytes[at..].starts_with(&END))
        .ok_or(none)?;
    let (mut count, mut start) = (number(bytes, end + 10, 2)?, number(bytes, end + 16, 4)?);
    let locator = end
        .checked_sub(20)
        .filter(|&at| bytes[at..].starts_with(&LOCATOR_64));
    if let Some(locator) = locator {
        let end = place(number(bytes, locator + 8, 8)?)?;
        if !bytes
            .get(end..)
            .is_some_and(|rest| rest.starts_with(&END_64))
        {
            return Err("its list of members is broken".into());
        }
        count = number(bytes, end.saturating_add(32), 8)?;
        start = number(bytes, end.saturating_add(48), 8)?;
    }
    if count > MOST_MEMBERS {
        return Err("it has more members than any model".into());
    }
    Ok((place(start)?, count))
}

/// Name and place of a member, and where the next entry begins.
fn entry(bytes: &[u8], at: usize) -> Result<(String, Range<usize>, usize), Fault> {
    if !bytes.get(at..).is_some_and(|rest| rest.starts_with(&ENTRY)) {
        return Err("its list of members is broken".into());
    }
    let read = |offset: usize, length| number(bytes, at.saturating_add(offset), length);
    let method = read(10, 2)?;
    let (mut packed, mut size, mut local) = (read(20, 4)?, read(24, 4)?, read(42, 4)?);
    let lengths = [read(28, 2)?, read(30, 2)?, read(32, 2)?].map(|length| length as usize);
    let [name_bytes, extra_bytes, comment_bytes] = lengths;
    let name_at = at + 46;
    let extra_at = name_at + name_bytes;
    let next = extra_at + extra_bytes + comment_bytes;
    let name = part(bytes, name_at..extra_at)?;
    let name = std::str::from_utf8(name).map_err(|_| "a member's name is no text")?;
    let extra = part(bytes, extra_at..extra_at + extra_bytes)?;
    // Numbers that 32 bits do not hold are among the extras, in this order.
    let mut long = long_numbers(extra)?.into_iter();
    for number in [&mut size, &mut packed, &mut local] {
        if *number == 0xFFFF_FFFF {
            *number = long.next().ok_or("a member's size is missing")?;
        }
    }
    if method != 0 || packed != size {
        return Err(format!(
            "its member {name} is compressed, which PyTorch does not do"
        ));
    }
    let local = place(local)?;
    if !bytes
        .get(local..)
        .is_some_and(|rest| rest.starts_with(&LOCAL))
    {
        return Err(format!("its member {name} is not where it should be"));
    }
    let name_bytes = number(bytes, local.saturating_add(26), 2)? as usize;
    let extra_bytes = number(bytes, local.saturating_add(28), 2)? as usize;
    let start = local + 30 + name_bytes + extra_bytes;
    let end = start.checked_add(place(size)?);
    let end = end.filter(|&end| end <= bytes.len());
    let end = end.ok_or_else(|| format!("its member {name} is cut off"))?;
    Ok((name.to_owned(), start..end, next))
}

/// The numbers of the extra field that is there for large files.
fn long_numbers(mut extra: &[u8]) -> Result<Vec<u64>, Fault> {
    while extra.len() >= 4 {
        let (kind, length) = (number(extra, 0, 2)?, number(extra, 2, 2)? as usize);
        let field = part(extra, 4..4 + length)?;
        if kind == 1 {
            let numbers = field.as_chunks::<8>().0.iter();
            return Ok(numbers.map(|&bytes| u64::from_le_bytes(bytes)).collect());
        }
        extra = &extra[4 + length..];
    }
    Ok(Vec::new())
}

fn number(bytes: &[u8], at: usize, length: usize) -> Result<u64, Fault> {
    let part = part(bytes, at..at.saturating_add(length))?;
    Ok(part
        .iter()
        .rev()
        .fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}

fn part(bytes: &[u8], range: Range<usize>) -> Result<&[u8], Fault> {
    bytes
        .get(range)
        .ok_or_else(|| "its list of members is cut off".into())
}

fn place(number: u64) -> Result<usize, Fault> {
    usize::try_from(number).map_err(|_| "a place that no file has".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An archive of one member.
    fn archive(name: &str, data: &[u8], method: u8) -> Vec<u8> {
        let size = (data.len() as u32).to_le_bytes();
        let name_bytes = (name.len() as u16).to_le_bytes();
        let mut bytes = [
            &LOCAL[..],
            &[0; 22],
            &name_bytes,
            &[0; 2],
            name.as_bytes(),
            data,
        ]
        .concat();
        let start = bytes.len() as u32;
        bytes.extend(ENTRY);
        bytes.extend([0, 0, 0, 0, 0, 0, method, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([size, size].concat());
        bytes.extend(name_bytes);
        bytes.extend([0; 16]);
        bytes.extend(name.as_bytes());
        let length = bytes.len() as u32 - start;
        bytes.extend(END);
        bytes.extend([0, 0, 0, 0, 1, 0, 1, 0]);
        bytes.extend(length.to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }

    #[test]
    fn members_are_found_where_they_lie() {
        let bytes = archive("model/data.pkl", b"sixteen bytes!!!", 0);
        let members = members(&bytes).unwrap();
        assert_eq!(
            &bytes[members["model/data.pkl"].clone()],
            b"sixteen bytes!!!"
        );
    }

    #[test]
    fn what_is_cut_off_or_compressed_is_refused() {
        let bytes = archive("a", b"data", 0);
        for keep in 0..bytes.len() {
            assert!(members(&bytes[..keep]).is_err(), "{keep}");
        }
        let packed = members(&archive("a", b"data", 8)).unwrap_err();
        assert!(packed.contains("compressed"), "{packed}");
    }

    proptest! {
        #[test]
        fn no_change_makes_it_panic(changes in prop::collection::vec((0_usize..140, any::<u8>()), 1..6)) {
            let mut bytes = archive("model/data.pkl", b"sixteen bytes!!!", 0);
            for (at, byte) in changes {
                if let Some(at) = bytes.get_mut(at) {
                    *at = byte;
                }
            }
            if let Ok(members) = members(&bytes) {
                prop_assert!(members.values().all(|place| bytes.get(place.clone()).is_some()));
            }
        }
    }
}
