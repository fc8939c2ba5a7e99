//! The runtime: interpreter, packages and nsjail, provisioned once.
