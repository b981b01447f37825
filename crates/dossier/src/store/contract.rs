macro_rules! suite {
    ($m:path) => {};
}
pub(crate) use suite;
