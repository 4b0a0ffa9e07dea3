use tokio::sync::Semaphore;

/// How much of a limit is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// How many places are taken.
    pub taken: usize,
    /// How many there are.
    pub all: usize,
}

impl Occupancy {
    /// The use of a semaphore that was made with this many permits.
    #[must_use]
    pub fn of(semaphore: &Semaphore, all: usize) -> Self {
        Self {
            taken: all.saturating_sub(semaphore.available_permits()),
            all,
        }
    }
}
