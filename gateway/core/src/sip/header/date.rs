//! Date: when a request was first sent (RFC 3261 20.17), always in GMT.

/// `Sat, 13 Nov 2010 23:29:00 GMT` as seconds since 1970.
pub fn date(value: &str) -> Option<u64> {
    let mut words = value.split_ascii_whitespace();
    let (_weekday, day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    if words.next()? != "GMT" || words.next().is_some() {
        return None;
    }
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let mut clock = time.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if !(1..=31).contains(&day) || !(1970..10_000).contains(&year) || hour > 23 || minute > 59 || second > 60 || clock.next().is_some() {
        return None;
    }
    // Days since 1 March of the year 0, so that a leap day is the last of its year.
    let (year, month) = if month < 2 { (year - 1, month as u64 + 10) } else { (year, month as u64 - 2) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - DAYS_TO_1970) * 86_400 + hour * 3600 + minute * 60 + second)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// From 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_seconds_since_1970() {
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date("Fri, 25 Sep 2015 19:12:25 GMT"), Some(1_443_208_345));
        assert_eq!(date("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        assert_eq!(date("Sat, 13 Nov 2010 23:29:00 GMT"), Some(1_289_690_940));
    }

    #[test]
    fn another_zone_or_half_a_date_is_none() {
        for text in ["", "Sat, 13 Nov 2010 23:29:00 CET", "Sat, 13 Nov 2010 23:29 GMT", "Sat, 0 Nov 2010 23:29:00 GMT", "x x x x x GMT"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
