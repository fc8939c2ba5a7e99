//! The runtime as a whole, built for real.
