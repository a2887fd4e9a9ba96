//! Timestamps: a date and time of two seconds, 10 ms increments, and the distance from UTC.

use vminspect_bytes::{Resolution, Timestamp};

use super::layout::OFFSET_VALID;

/// A timestamp as its fields say it. The bits are those of DOS.
#[derive(Clone, Copy)]
pub(super) struct RawTimestamp {
    pub(super) date_and_time: u32,
    pub(super) ten_milliseconds: Option<u8>,
    pub(super) utc_offset: u8,
}

impl RawTimestamp {
    /// The point in time. Where the distance from UTC is not known, the local time is taken for UTC. `Ok(None)`
    /// where nothing was recorded.
    ///
    /// # Errors
    /// With what can be read of it, where the fields name no point in time.
    pub(super) fn point(self) -> Result<Option<Timestamp>, Option<Timestamp>> {
        if self.date_and_time == 0 {
            return Ok(None);
        }
        let [time_low, time_high, date_low, date_high] = self.date_and_time.to_le_bytes();
        let date = u16::from_le_bytes([date_low, date_high]);
        let time = u16::from_le_bytes([time_low, time_high]);
        if let Some(local) = Timestamp::from_dos(date, time, self.ten_milliseconds) {
            return Ok(Some(self.to_utc(local)));
        }
        Err(Timestamp::from_dos(date, time, None).map(|local| self.to_utc(local)))
    }

    /// Minutes that local time is ahead of UTC, where it is known.
    pub(super) fn offset_minutes(self) -> Option<i64> {
        if self.utc_offset & OFFSET_VALID == 0 {
            return None;
        }
        let quarters = i64::from(self.utc_offset & !OFFSET_VALID);
        // Seven bits with a sign.
        let quarters = if quarters >= 64 { quarters.saturating_sub(128) } else { quarters };
        Some(quarters.saturating_mul(15))
    }

    fn to_utc(self, local: Timestamp) -> Timestamp {
        let ahead = self.offset_minutes().unwrap_or(0).saturating_mul(60);
        let resolution = match self.ten_milliseconds {
            Some(_) => local.resolution(),
            None => Resolution::TwoSeconds,
        };
        Timestamp::from_unix(local.seconds().saturating_sub(ahead), local.nanoseconds(), resolution)
    }
}
