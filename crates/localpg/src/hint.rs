//! The command that installs PostgreSQL on this machine.

use std::fs;

/// What to type, by what the system says it is.
pub(crate) fn install_command() -> String {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17".into();
    }
    // The second place is for systems that keep /etc empty: os-release(5).
    let release = ["/etc/os-release", "/usr/lib/os-release"];
    let text = release.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    command_for(&text).into()
}

fn command_for(os_release: &str) -> &'static str {
    let mut names = values(os_release, "ID").chain(values(os_release, "ID_LIKE"));
    let command = |name| match name {
        "debian" | "ubuntu" => Some("apt-get install -y postgresql"),
        "fedora" | "rhel" | "centos" => Some("dnf install -y postgresql-server"),
        "arch" => Some("pacman -S --noconfirm postgresql"),
        "alpine" => Some("apk add postgresql"),
        "suse" | "opensuse" => Some("zypper install -y postgresql-server"),
        _ => None,
    };
    names.find_map(command).unwrap_or("your package manager's install of postgresql")
}

fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
        .flat_map(|value| value.trim_matches(['"', '\'']).split_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_system_or_one_that_it_is_like() {
        let mint = "NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n";
        let rocky = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";

        assert_eq!(command_for("ID=debian\n"), "apt-get install -y postgresql");
        assert_eq!(command_for(mint), "apt-get install -y postgresql");
        assert_eq!(command_for(rocky), "dnf install -y postgresql-server");
        assert_eq!(command_for("ID=alpine\nVERSION_ID=3.22\n"), "apk add postgresql");
        assert!(command_for("ID=plan9\n").contains("postgresql"));
    }
}
