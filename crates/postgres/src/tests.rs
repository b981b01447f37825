//! On real servers, in a module by whose name these tests are left out where there is none.

mod postgres;
