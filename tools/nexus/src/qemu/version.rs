//! Finds QEMU and refuses one that is too old.

use anyhow::{Result, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest QEMU that Nexus is tested with (Debian 12).
const OLDEST: (u32, u32) = (7, 2);
const NAME: &str = "qemu-system-riscv64";

/// The QEMU to use: `explicit`, else `NEXUS_QEMU`, else the one on the path, else the one that
/// scripts/setup.sh unpacked because its packages do not go with those that are installed.
///
/// # Errors
/// Says how to get one when it is missing or older than 7.2.
pub fn find(explicit: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) =
        explicit.map(Path::to_path_buf).or_else(|| env::var_os("NEXUS_QEMU").map(PathBuf::from))
    {
        return usable(named);
    }
    let found = usable(PathBuf::from(NAME));
    if found.is_err()
        && let Some(beside) = unpacked().filter(|beside| beside.is_file())
    {
        return usable(beside);
    }
    found
}

/// Where scripts/setup.sh unpacks a QEMU.
fn unpacked() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("nexus/qemu").join(NAME))
}

fn usable(qemu: PathBuf) -> Result<PathBuf> {
    let shown = qemu.display();
    let Ok(output) = Command::new(&qemu).arg("--version").output() else {
        bail!("{shown} cannot be started; run `make setup` or `apt-get install qemu-system-misc`");
    };
    match parse(&String::from_utf8_lossy(&output.stdout)) {
        Some(version) if version >= OLDEST => Ok(qemu),
        Some((major, minor)) => bail!(
            "{shown} is version {major}.{minor}; 7.2 or newer is needed (Debian 12 has it: \
             `apt-get install qemu-system-misc`)"
        ),
        None => bail!("{shown} --version does not look like QEMU"),
    }
}

/// Major and minor of `QEMU emulator version 7.2.22 (…)`.
fn parse(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("QEMU emulator version ")?.split(['.', ' ', '\n']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_versions() {
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright";
        assert_eq!(parse(debian), Some((7, 2)));
        assert_eq!(parse("QEMU emulator version 10.0.2\n"), Some((10, 0)));
        assert_eq!(parse("QEMU emulator version 9.1\n"), Some((9, 1)));
        assert_eq!(parse("something else"), None);
        assert!((7, 1) < OLDEST && (10, 0) > OLDEST);
    }

    #[test]
    fn test_missing_qemu_says_the_fix() {
        let error = find(Some(Path::new("/nonexistent/qemu"))).unwrap_err().to_string();
        assert!(error.contains("apt-get install qemu-system-misc"), "{error}");
    }
}
