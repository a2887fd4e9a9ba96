//! Mapping pairs: which clusters hold which part of a value.
//!
//! Each run begins with a byte whose halves count the bytes of two little-endian numbers that follow: the
//! length in clusters, and the distance of its first cluster from that of the run before. A run without the
//! second is a hole. Windows NT before 3.51 wrote holes as a distance of -1 instead; no volume that is still
//! around has those.

/// A run of clusters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClusterRun {
    /// First cluster of the value.
    pub(super) vcn: u64,
    /// Clusters.
    pub(super) length: u64,
    /// First cluster on the volume; `None` for a hole.
    pub(super) lcn: Option<u64>,
}

/// The runs of mapping pairs, in order. A run that makes no sense ends them, as an error in words.
#[derive(Clone, Debug)]
pub(super) struct ClusterRuns<'a> {
    pairs: &'a [u8],
    vcn: u64,
    lcn: i64,
}

impl<'a> ClusterRuns<'a> {
    /// The runs of the part of a value that begins at `lowest_vcn`.
    pub(super) fn new(pairs: &'a [u8], lowest_vcn: u64) -> Self {
        Self { pairs, vcn: lowest_vcn, lcn: 0 }
    }

    fn run(&mut self, header: u8, rest: &'a [u8]) -> Result<ClusterRun, &'static str> {
        let (length_size, distance_size) = (usize::from(header & 0x0f), usize::from(header >> 4));
        if length_size > 8 || distance_size > 8 {
            return Err("a run with numbers of more than 8 bytes");
        }
        let (Some(length), Some(distance)) = (rest.get(..length_size), rest.get(length_size..)) else {
            return Err("a run cut short");
        };
        let Some(distance) = distance.get(..distance_size) else { return Err("a run cut short") };
        let length = u64::try_from(number(length)).unwrap_or(0);
        if length == 0 {
            return Err("a run without clusters");
        }
        let next = self.vcn.checked_add(length).ok_or("a run past the largest cluster")?;
        let lcn = if distance_size == 0 {
            None
        } else {
            self.lcn = self.lcn.checked_add(number(distance)).ok_or("a run past the largest cluster")?;
            Some(u64::try_from(self.lcn).map_err(|_| "a run before the first cluster")?)
        };
        let run = ClusterRun { vcn: self.vcn, length, lcn };
        self.vcn = next;
        self.pairs = rest.get(length_size.saturating_add(distance_size)..).unwrap_or_default();
        Ok(run)
    }
}

impl Iterator for ClusterRuns<'_> {
    type Item = Result<ClusterRun, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let (header, rest) = self.pairs.split_first()?;
        if *header == 0 {
            self.pairs = &[];
            return None;
        }
        let run = self.run(*header, rest);
        if run.is_err() {
            self.pairs = &[];
        }
        Some(run)
    }
}

/// A signed little-endian number of up to 8 bytes.
fn number(bytes: &[u8]) -> i64 {
    let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut whole = [fill; 8];
    for (target, byte) in whole.iter_mut().zip(bytes) {
        *target = *byte;
    }
    i64::from_le_bytes(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(pairs: &[u8]) -> Vec<Result<ClusterRun, &'static str>> {
        ClusterRuns::new(pairs, 10).collect()
    }

    fn run(vcn: u64, length: u64, lcn: Option<u64>) -> Result<ClusterRun, &'static str> {
        Ok(ClusterRun { vcn, length, lcn })
    }

    #[test]
    fn distances_are_signed_and_holes_have_none() {
        let pairs =
            [0x21, 0x18, 0x34, 0x56, 0x01, 0x08, 0x11, 0x02, 0xf0, 0x22, 0x00, 0x01, 0x00, 0x01, 0, 9];
        let expected = [
            run(10, 0x18, Some(0x5634)),
            run(34, 8, None),
            run(42, 2, Some(0x5624)),
            run(44, 0x100, Some(0x5724)),
        ];
        assert_eq!(runs(&pairs), expected);
    }

    #[test]
    fn what_makes_no_sense_ends_the_runs() {
        for pairs in [
            &[0x91, 1][..],
            &[0x19, 1],
            &[0x11, 1],
            &[0x21, 1, 2],
            &[0x10, 5],
            &[0x11, 0, 5],
            &[0x11, 0x80, 5],
            &[0x11, 1, 0xff],
            &[0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x80],
        ] {
            let found = runs(pairs);
            assert_eq!(found.len(), 1, "{pairs:x?}");
            assert!(found[0].is_err(), "{pairs:x?}");
        }
        let long = [0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1];
        let found = runs(&[long, long].concat());
        assert!(found[0].is_ok() && found[1].is_err());
        assert!(runs(&[]).is_empty());
    }
}
