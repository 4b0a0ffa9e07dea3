use crate::service::Randomness;

/// The operating system's random number generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandomness;

impl Randomness for OsRandomness {
    #[expect(clippy::disallowed_methods, reason = "this is the port's one adapter")]
    fn bits(&self) -> [u8; 16] {
        *uuid::Uuid::new_v4().as_bytes()
    }
}
