//! Who the audit log says it was.

/// `cli:` and the name of the operating system's user.
pub(crate) fn actor() -> String {
    let uid = nix::unistd::getuid();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    format!("cli:{}", user.map_or_else(|| uid.to_string(), |user| user.name))
}
