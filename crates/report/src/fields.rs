use vminspect_analysis::Algorithm;

/// Which optional fields a report of files has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fields {
    /// The hashes that were asked for. A file without one has `null` there.
    pub algorithms: Vec<Algorithm>,
    /// Whether sizes are printed.
    pub size: bool,
    /// Whether file types are printed.
    pub file_type: bool,
}

impl Default for Fields {
    fn default() -> Self {
        Self { algorithms: vec![Algorithm::Sha1], size: false, file_type: false }
    }
}
