/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub struct PageQuery<Position> {
    /// Where it begins; at the start if `None`.
    pub after: Option<Position>,
    /// How many entries it holds at most.
    pub limit: usize,
}
