use vminspect_bytes::{Family, ReadError};

/// Something that could not be read, and why. Reports list every one of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Which evidence: the image as the user named it.
    pub image: String,
    /// Where in it: a volume (`vol2:`), a path, or empty for the image itself.
    pub place: Vec<u8>,
    /// `io`, `unsupported` or `corrupt`.
    pub family: &'static str,
    /// What happened, for a person.
    pub message: String,
}

/// What could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    problems: Vec<Problem>,
}

impl Coverage {
    /// Adds a problem.
    pub fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds a read error of a place in an image.
    pub fn add_read_error(&mut self, image: &str, place: &[u8], error: &ReadError) {
        self.add_error(image, place, error.family(), error);
    }

    /// Adds any error of a place in an image.
    pub fn add_error(&mut self, image: &str, place: &[u8], family: Family, error: &dyn std::fmt::Display) {
        self.add(Problem {
            image: image.to_owned(),
            place: place.to_vec(),
            family: family.as_str(),
            message: error.to_string(),
        });
    }

    /// Takes over the problems of another.
    pub fn extend(&mut self, other: Self) {
        self.problems.extend(other.problems);
    }

    /// The problems, sorted and without repetitions, so that output does not depend on threads.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut problems: Vec<&Problem> = self.problems.iter().collect();
        problems.sort();
        problems.dedup();
        problems
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether something that this tool supports could not be read: damage, a missing parent, an I/O error.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        self.problems.iter().any(|problem| problem.family != Family::Unsupported.as_str())
    }
}
