//! `inet`: an address of version 4 or 6, with the number of bits of its network where that is not all of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::error::{ValueError, ValueResult};

/// An address as PostgreSQL prints it.
pub(crate) fn canonical(text: &str) -> ValueResult<String> {
    let read = if text.contains(':') { version_6(text) } else { version_4(text) };
    let (address, bits) =
        read.ok_or_else(|| ValueError::new("22P02", format!("invalid input syntax for type inet: \"{text}\"")))?;
    let printed = match address {
        IpAddr::V6(address) => printed_6(address),
        IpAddr::V4(address) => address.to_string(),
    };
    Ok(if bits == width(&address) { printed } else { format!("{printed}/{bits}") })
}

/// Decimal octets, of which those may be missing at the end that are not of the network.
fn version_4(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(number(bits, 32)?)),
        None => (text, None),
    };
    let mut octets = [0; 4];
    let mut given = 0;
    for octet in address.split('.') {
        *octets.get_mut(given)? = number(octet, u8::MAX)?;
        given += 1;
    }
    let bits = match bits {
        Some(bits) if usize::from(bits / 8) <= given => bits,
        None if given == octets.len() => 32,
        _ => return None,
    };
    Some((IpAddr::V4(Ipv4Addr::from(octets)), bits))
}

fn version_6(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        // Zeros before the number are none of it here.
        Some((_, bits)) if bits.len() > 1 && bits.starts_with('0') => return None,
        Some((address, bits)) => (address, number(bits, 128)?),
        None => (text, 128),
    };
    Some((IpAddr::V6(Ipv6Addr::from_str(address).ok()?), bits))
}

/// Digits up to a greatest number.
fn number(digits: &str, greatest: u8) -> Option<u8> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u8 = is_number.then(|| digits.parse().ok())??;
    (number <= greatest).then_some(number)
}

/// With the last 32 bits as those of version 4 where only they are there, but for those that are a single group.
fn printed_6(address: Ipv6Addr) -> String {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
            format!("::{a}.{b}.{c}.{d}")
        }
        _ => address.to_string(),
    }
}

fn width(address: &IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// `host(inet)`: the address alone.
pub(crate) fn host(printed: &str) -> &str {
    printed.split_once('/').map_or(printed, |(address, _)| address)
}

/// A cast to `text`, which always has the bits.
pub(crate) fn with_bits(printed: &str) -> String {
    match printed {
        known if known.contains('/') => known.to_owned(),
        version_6 if version_6.contains(':') => format!("{version_6}/128"),
        version_4 => format!("{version_4}/32"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_printed_as_postgresql_does() {
        for (text, printed) in [
            ("1.2.3.4", "1.2.3.4"),
            ("1.2.3.4/32", "1.2.3.4"),
            ("192.168.1.5/24", "192.168.1.5/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::1/128", "::1"),
            ("2001:0DB8:0:0:0:0:0:1/64", "2001:db8::1/64"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("::1.2.3.4", "::1.2.3.4"),
            ("::1:0/100", "::0.1.0.0/100"),
            ("::5", "::5"),
            ("192.168.001.005", "192.168.1.5"),
            ("10/8", "10.0.0.0/8"),
            ("10.1/016", "10.1.0.0/16"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(printed), "{text}");
        }
        for wrong in [
            "",
            "1.2.3",
            "1.2.3.256",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/+1",
            "::1/129",
            ":::",
            "10",
            "10.1/24",
            "1.2.3.4.5",
            "::1/064",
        ] {
            assert!(canonical(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_have_no_bits_and_texts_have() {
        assert_eq!((host("10.0.0.1/8"), host("::1")), ("10.0.0.1", "::1"));
        assert_eq!((with_bits("10.0.0.1"), with_bits("::1")), ("10.0.0.1/32".to_owned(), "::1/128".to_owned()));
        assert_eq!(with_bits("10.0.0.0/8"), "10.0.0.0/8");
    }
}
