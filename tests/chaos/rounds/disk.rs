//! The disk that the tenants lie on fills up, several times, and is cleared again.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    bed::{Bed, Plan},
    dice::Dice,
    ground::Ground,
    support::tell,
    tally::Fault,
};

/// The disk, in MB: an empty database and some hundred tenants.
const SIZE_MB: u64 = 160;

/// Batches in a row that may be done too soon.
const TRIES: usize = 10;

/// What the server says when the disk is full.
const REFUSAL: &str = "No space left on device";

/// A file system of a fixed size, in memory; unmounted when dropped.
#[derive(Debug)]
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it below `ground`; `None` where that is not allowed.
    fn mount(ground: &Path) -> Option<Self> {
        let at = ground.join("small");
        fs::create_dir(&at).ok()?;
        let size = format!("size={SIZE_MB}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tenantry-chaos"])
            .arg(&at)
            .output();
        mounted.is_ok_and(|it| it.status.success()).then_some(Self(at))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Writes until there is no room for a page.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        let block = vec![0_u8; 4_096];
        while file.write_all(&block).is_ok() {}
    }

    fn clear(&self) {
        fs::remove_file(self.filler()).expect("the filler is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server that is about to end may have files open on it.
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).output();
        if !unmounted.is_ok_and(|it| it.status.success()) {
            tell(&format!("left a file system mounted at {}", self.0.display()));
        }
    }
}

pub(super) async fn bed() -> Option<Bed> {
    let ground = Ground::new();
    let Some(disk) = SmallDisk::mount(ground.path()) else {
        tell("disk: skipped, this user may not mount a file system");
        return None;
    };
    // PostgreSQL takes an empty directory that is its user's.
    let folder = disk.0.join("tablespace");
    fs::create_dir(&folder).expect("the disk is empty");
    let owner = if Path::new("/etc/passwd").exists() { server_owner() } else { None };
    if let Some((uid, gid)) = owner {
        std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).expect("root may give it away");
    }
    let plan = Plan { apis: 1, workers: 2, tablespace: Some(folder), ..Plan::default() };
    let mut bed = Bed::make_on(ground, plan).await;
    bed.disk = Some(disk);
    Some(bed)
}

/// Whom the server runs as when root starts it.
fn server_owner() -> Option<(u32, u32)> {
    let user = ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| nix::unistd::User::from_name(name).ok().flatten())?;
    Some((user.uid.as_raw(), user.gid.as_raw()))
}

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice) {
    for _ in 0..3 {
        fill_in_the_middle(bed, dice).await;
        dice.pause(0, 1_500).await;
        bed.disk().clear();
        bed.tally.count(Fault::DiskFull, 1);
        bed.fault_is_over();
    }
}

/// Fills the disk while a batch is in work, and waits until the server has refused some of it.
async fn fill_in_the_middle(bed: &mut Bed, dice: &mut Dice) {
    for _ in 0..TRIES {
        let size = dice.count(60, 100);
        let wish = bed.wishes.independent(size, 1);
        bed.ask(wish).await;
        dice.pause(0, 100).await;
        let before = bed.postgres.said(REFUSAL);
        bed.disk().fill();
        let noticed = crate::support::eventually(
            "the full disk to be noticed, or all work to be done",
            Duration::from_secs(30),
            async || {
                let refused = bed.postgres.said(REFUSAL) > before;
                (refused || bed.open_items().await == Some(0)).then_some(refused)
            },
        );
        if noticed.await {
            return;
        }
        // All of it was done before the disk was full.
        bed.disk().clear();
    }
    panic!("{TRIES} batches were done before the disk was full");
}

impl Bed {
    fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("rounds of this kind have one")
    }
}
