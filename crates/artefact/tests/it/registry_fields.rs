//! Fields that trees do not show.
