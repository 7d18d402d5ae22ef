//! The `chatwarden` command.

fn main() {}
