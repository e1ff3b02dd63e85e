//! Dimension scales of netCDF-4, written into a finished HDF5 file.
//!
//! hdf5-pure has no attribute of a null-terminated string and none of references, and netCDF-4 needs
//! both: `CLASS` on each dimension, `DIMENSION_LIST` on each variable. The file is therefore made
//! with stand-ins of exactly the same sizes, and this pass changes them in place:
//!
//! - `CLASS`: a null-padded string, whose padding type becomes "null-terminated";
//! - `DIMENSION_LIST`: one eight-byte string an axis, which becomes a reference to the dimension.
//!
//! It reads the parts of the format that hdf5-pure writes: superblock 2 or 3, object headers of
//! version 2 with links and attributes inside, global heaps. Anything else is an error, so another
//! version of hdf5-pure cannot make a bad file in silence.
//!
//! Source: Folk, Heber, Koziol, Pourmal and Robinson (2011) for HDF5; Jenkins (2006) for the
//! checksum.

use std::collections::BTreeMap;

/// Name of the attribute that makes a data set a dimension.
pub(crate) const CLASS: &str = "CLASS";
/// Its value.
pub(crate) const DIMENSION_SCALE: &str = "DIMENSION_SCALE";
/// Bytes of its value, with the final zero.
pub(crate) const CLASS_SIZE: u32 = 16;
/// Name of the attribute that ties a variable to its dimensions.
pub(crate) const DIMENSION_LIST: &str = "DIMENSION_LIST";
/// Stand-in for a reference to a dimension.
pub(crate) const STAND_IN: &str = "8 bytes.";

/// Message types of an object header.
const LINK: u8 = 0x06;
const ATTRIBUTE: u8 = 0x0c;

/// Classes of a datatype, in the low four bits of its first byte.
const STRING: u8 = 3;
const VARIABLE_LENGTH: u8 = 9;
/// An object reference: version 1, class 7, of eight bytes.
const OBJECT_REFERENCE: [u8; 8] = [0x17, 0, 0, 0, 8, 0, 0, 0];

/// A variable and its dimensions, which are data sets of the same group.
pub(crate) type Axes<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Turns the stand-ins of groups into dimension scales; what is wrong, if anything is.
pub(crate) fn attach(bytes: &mut [u8], groups: &[(&str, Axes<'_>)]) -> Result<(), String> {
    let root = number(bytes, 36, 8)?;
    let top = links(bytes, root)?;
    for (group, variables) in groups {
        let members = links(bytes, find(&top, group)?)?;
        for (name, &at) in &members {
            let dimensions = variables.get(name.as_str());
            let done = object(bytes, at, dimensions, &members)?;
            if done != (dimensions.is_none(), dimensions.is_some_and(|d| !d.is_empty())) {
                return Err(format!("`{group}/{name}` does not hold its dimensions as expected"));
            }
        }
    }
    Ok(())
}

/// Changes the attributes of one data set; whether it had a class, and a list of dimensions.
fn object(
    bytes: &mut [u8],
    at: usize,
    dimensions: Option<&Vec<&str>>,
    members: &BTreeMap<String, usize>,
) -> Result<(bool, bool), String> {
    let header = header(bytes, at)?;
    let (mut class, mut list) = (false, false);
    for message in header.messages.iter().filter(|m| m.kind == ATTRIBUTE) {
        let attribute = attribute(bytes, message.at)?;
        if attribute.name == CLASS && part(bytes, attribute.datatype, 1)?[0] & 15 == STRING {
            bytes[attribute.datatype + 1] &= 0xf0;
            class = true;
        }
        if attribute.name == DIMENSION_LIST
            && let Some(dimensions) = dimensions
        {
            refer(bytes, &attribute, dimensions, members)?;
            list = true;
        }
    }
    let sum = checksum(part(bytes, at, header.end - at)?);
    bytes[header.end..header.end + 4].copy_from_slice(&sum.to_le_bytes());
    Ok((class, list))
}

/// Makes the strings of an attribute references to dimensions.
fn refer(
    bytes: &mut [u8],
    attribute: &Attribute,
    dimensions: &[&str],
    members: &BTreeMap<String, usize>,
) -> Result<(), String> {
    let base = attribute.datatype + 8;
    if part(bytes, attribute.datatype, 16)?[0] & 15 != VARIABLE_LENGTH || bytes[base] & 15 != STRING
    {
        return Err("the list of dimensions is not made of strings".into());
    }
    bytes[base..base + 8].copy_from_slice(&OBJECT_REFERENCE);
    for (axis, dimension) in dimensions.iter().enumerate() {
        let element = attribute.data + 16 * axis;
        if number(bytes, element, 4)? != STAND_IN.len() {
            return Err("the list of dimensions has other lengths than expected".into());
        }
        bytes[element..element + 4].copy_from_slice(&1_u32.to_le_bytes());
        let (heap, index) = (number(bytes, element + 4, 8)?, number(bytes, element + 12, 4)?);
        let place = heap_object(bytes, heap, index)?;
        if part(bytes, place, 8)? != STAND_IN.as_bytes() {
            return Err("the list of dimensions holds other text than expected".into());
        }
        let target = find(members, dimension)? as u64;
        bytes[place..place + 8].copy_from_slice(&target.to_le_bytes());
    }
    Ok(())
}

/// Where the data of an object of a global heap begin.
fn heap_object(bytes: &[u8], heap: usize, index: usize) -> Result<usize, String> {
    if part(bytes, heap, 4)? != b"GCOL" {
        return Err("a global heap is not where it should be".into());
    }
    let end = heap + number(bytes, heap + 8, 8)?;
    let mut at = heap + 16;
    while at < end {
        let (found, size) = (number(bytes, at, 2)?, number(bytes, at + 8, 8)?);
        if found == index {
            return Ok(at + 16);
        }
        if found == 0 {
            break;
        }
        at += 16 + size.div_ceil(8) * 8;
    }
    Err("an object of a global heap is missing".into())
}

/// A message of an object header.
struct Message {
    kind: u8,
    at: usize,
}

/// An object header: its messages, and where its checksum stands.
struct Header {
    messages: Vec<Message>,
    end: usize,
}

fn header(bytes: &[u8], at: usize) -> Result<Header, String> {
    if part(bytes, at, 5)? != b"OHDR\x02" {
        return Err("an object header has another version than 2".into());
    }
    let flags = part(bytes, at + 5, 1)?[0];
    let times = if flags & 0x20 == 0 { 0 } else { 16 };
    let limits = if flags & 0x10 == 0 { 0 } else { 4 };
    let width = 1 << (flags & 3);
    let mut next = at + 6 + times + limits;
    let end = next + width + number(bytes, next, width)?;
    next += width;
    let extra = if flags & 4 == 0 { 0 } else { 2 };
    let mut messages = Vec::new();
    while next + 4 + extra <= end {
        let (kind, size) = (part(bytes, next, 1)?[0], number(bytes, next + 1, 2)?);
        messages.push(Message { kind, at: next + 4 + extra });
        next += 4 + extra + size;
    }
    part(bytes, end, 4)?;
    Ok(Header { messages, end })
}

/// Names and addresses of the members of a group.
fn links(bytes: &[u8], at: usize) -> Result<BTreeMap<String, usize>, String> {
    let mut found = BTreeMap::new();
    for message in header(bytes, at)?.messages.iter().filter(|m| m.kind == LINK) {
        let flags = part(bytes, message.at + 1, 1)?[0];
        let kind = if flags & 8 == 0 { 0 } else { 1 };
        let order = if flags & 4 == 0 { 0 } else { 8 };
        let charset = if flags & 16 == 0 { 0 } else { 1 };
        let place = message.at + 2 + kind + order + charset;
        let width = 1 << (flags & 3);
        let length = number(bytes, place, width)?;
        let name = String::from_utf8_lossy(part(bytes, place + width, length)?).into_owned();
        found.insert(name, number(bytes, place + width + length, 8)?);
    }
    Ok(found)
}

/// Where the parts of an attribute message are.
struct Attribute {
    name: String,
    datatype: usize,
    data: usize,
}

fn attribute(bytes: &[u8], at: usize) -> Result<Attribute, String> {
    let start = match part(bytes, at, 1)?[0] {
        2 => at + 8,
        3 => at + 9,
        version => return Err(format!("an attribute has version {version}")),
    };
    let name = number(bytes, at + 2, 2)?;
    let datatype = start + name;
    let data = datatype + number(bytes, at + 4, 2)? + number(bytes, at + 6, 2)?;
    let text = String::from_utf8_lossy(part(bytes, start, name)?);
    Ok(Attribute { name: text.trim_end_matches('\0').to_owned(), datatype, data })
}

fn find(members: &BTreeMap<String, usize>, name: &str) -> Result<usize, String> {
    members.get(name).copied().ok_or_else(|| format!("`{name}` is missing"))
}

fn part(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], String> {
    at.checked_add(length)
        .and_then(|end| bytes.get(at..end))
        .ok_or_else(|| "the file ends too early".to_owned())
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> Result<usize, String> {
    let value = part(bytes, at, width)?.iter().rev().fold(0_u64, |sum, b| sum << 8 | u64::from(*b));
    usize::try_from(value).map_err(|_| "an address is too large".to_owned())
}

/// The lookup3 hash, by which HDF5 guards its metadata.
fn checksum(bytes: &[u8]) -> u32 {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let [mut a, mut b, mut c] = [0xdead_beef_u32.wrapping_add(length); 3];
    let word = |chunk: &[u8], k: usize| -> u32 {
        (0..4).map(|j| u32::from(*chunk.get(4 * k + j).unwrap_or(&0)) << (8 * j)).sum()
    };
    let mut rest = bytes;
    while rest.len() > 12 {
        a = a.wrapping_add(word(rest, 0));
        b = b.wrapping_add(word(rest, 1));
        c = c.wrapping_add(word(rest, 2));
        for turns in [[4, 6, 8], [16, 19, 4]] {
            a = a.wrapping_sub(c) ^ c.rotate_left(turns[0]);
            c = c.wrapping_add(b);
            b = b.wrapping_sub(a) ^ a.rotate_left(turns[1]);
            a = a.wrapping_add(c);
            c = c.wrapping_sub(b) ^ b.rotate_left(turns[2]);
            b = b.wrapping_add(a);
        }
        rest = &rest[12..];
    }
    if rest.is_empty() {
        return c;
    }
    a = a.wrapping_add(word(rest, 0));
    b = b.wrapping_add(word(rest, 1));
    c = c.wrapping_add(word(rest, 2));
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_checksum_is_that_of_its_author() {
        // driver5 of lookup3.c, for hashlittle with initial value 0
        assert_eq!(checksum(b""), 0xdead_beef);
        assert_eq!(checksum(b"Four score and seven years ago"), 0x1777_0551);
    }
}
