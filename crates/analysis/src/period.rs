use vminspect_bytes::Timestamp;

/// A stretch of time, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Period {
    /// Nothing before.
    pub from: Option<Timestamp>,
    /// Nothing after.
    pub to: Option<Timestamp>,
}

impl Period {
    /// Whether a time is in it.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        let order = |other: Timestamp| {
            (time.seconds(), time.nanoseconds()).cmp(&(other.seconds(), other.nanoseconds()))
        };
        self.from.is_none_or(|from| order(from).is_ge()) && self.to.is_none_or(|to| order(to).is_le())
    }
}

#[cfg(test)]
mod tests {
    use vminspect_bytes::Resolution;

    use super::*;

    #[test]
    fn a_period_has_both_its_ends() {
        let at = |seconds| Timestamp::from_unix(seconds, 0, Resolution::Second);
        let fine = |seconds| Timestamp::from_unix(seconds, 0, Resolution::Nanosecond);
        let period = Period { from: Some(at(5)), to: Some(at(7)) };
        let contained: Vec<i64> = (3..10).filter(|seconds| period.contains(fine(*seconds))).collect();
        assert_eq!(contained, [5, 6, 7]);
        assert!(Period::default().contains(at(i64::MIN)));
    }
}
