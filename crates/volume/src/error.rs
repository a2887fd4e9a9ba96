/// What a volume driver returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why volumes could not be read. Every reason is a read that failed or a structure that was wrong.
pub type Error = vminspect_bytes::ReadError;
